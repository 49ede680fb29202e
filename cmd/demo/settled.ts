import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../../src/std/failure.ts'
import type { Sql } from '../../src/std/sql.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import type { Servers } from './servers.ts'

export interface Remaining {
  /** By group: records that it has not accepted, or not committed to Kafka. */
  readonly lag: Readonly<Record<string, number>>
  /** In words, each with its count. */
  readonly unfinished: readonly string[]
  /** Rows of the leaderboards that do not follow from their source columns. */
  readonly dirty: number
}

export interface Watched {
  readonly admin: Pick<LogAdmin, 'ranges' | 'committed'>
  readonly sql: Sql
  readonly servers: Pick<Servers, 'topic' | 'groupPrefix' | 'groups'>
  readonly campaignIds: readonly string[]
}

/** Between two progress lines. */
const REPORT_MS = 2_000

/**
 * Waits until all work is finished. @throws {OperatorError} work is left at the deadline; the message lists it.
 */
export async function untilSettled(
  watched: Watched,
  options: { deadlineMs: number; signal: AbortSignal; onLook: (line: string) => void },
): Promise<Remaining> {
  const startedAt = performance.now()
  let reportedAt = startedAt
  for (;;) {
    const remaining = await remainingOf(watched)
    const words = wordsOf(remaining)
    if (words.length === 0) return remaining
    const now = performance.now()
    if (now - reportedAt > REPORT_MS) {
      reportedAt = now
      options.onLook(`To do: ${words.join(', ')}`)
    }
    if (now - startedAt > options.deadlineMs) {
      throw new OperatorError(`After ${Math.round(options.deadlineMs / 1000)} s work is left: ${words.join(', ')}.`)
    }
    await pause(200, undefined, { signal: options.signal })
  }
}

/** In this order: accepted events have their intents, and finished intents have changed the rows. */
async function remainingOf(watched: Watched): Promise<Remaining> {
  const lag = await lagOf(watched)
  if (Object.values(lag).some((records) => records > 0)) return { lag, unfinished: [], dirty: 0 }
  const unfinished = await unfinishedOf(watched)
  return { lag, unfinished, dirty: unfinished.length > 0 ? 0 : await dirtyOf(watched) }
}

function wordsOf({ lag, unfinished, dirty }: Remaining): string[] {
  const behind = Object.entries(lag).filter(([, records]) => records > 0)
  return [
    ...behind.map(([group, records]) => `${group} is ${records} records behind`),
    ...unfinished,
    ...(dirty > 0 ? [`${dirty} leaderboard rows to rank`] : []),
  ]
}

async function lagOf({ admin, sql, servers: { topic, groupPrefix, groups } }: Watched): Promise<Record<string, number>> {
  const ranges = await admin.ranges(topic)
  const rows = await sql.query<{ group_name: string; partition: number; next_offset: string }>(
    'SELECT group_name, partition, next_offset FROM worker.progress WHERE topic = $1',
    [topic],
  )
  const lag: Record<string, number> = {}
  for (const { name: group } of groups) {
    const id = groupPrefix + group
    const accepted = new Map(rows.filter(({ group_name }) => group_name === id).map((row) => [row.partition, BigInt(row.next_offset)]))
    const committed = await admin.committed(id, topic)
    lag[group] = [...ranges].reduce((sum, [partition, { low, high }]) => {
      const next = accepted.get(partition) ?? low
      // A partition in which nothing happened need not be committed.
      const commit = committed.get(partition) ?? next
      return sum + Number(high - (commit < next ? commit : next))
    }, 0)
  }
  return lag
}

async function unfinishedOf({ sql, campaignIds }: Watched): Promise<string[]> {
  const rows = await sql.query<{ words: string }>(
    `SELECT count(*) || ' ' || kind || ' ' || state || coalesce(' (' || reason || ')', '') AS words FROM worker.intents
      WHERE state IN ('pending', 'claimed', 'handing_over', 'ambiguous', 'held') AND campaign_id = ANY ($1::uuid[])
      GROUP BY kind, state, reason ORDER BY count(*) DESC`,
    [campaignIds],
  )
  return rows.map(({ words }) => words)
}

async function dirtyOf({ sql, campaignIds }: Watched): Promise<number> {
  const [row] = await sql.query<{ dirty: number }>(
    `SELECT count(*)::int AS dirty
       FROM platform.waitlist_users u JOIN platform.campaigns c ON c.id = u.campaign_id
      WHERE c.id = ANY ($1::uuid[])
        AND u.ranked_score IS DISTINCT FROM CASE WHEN u.deleted_at IS NULL AND u.status NOT IN ('blocked', 'removed')
          THEN u.original_position - u.verified_referral_count * coalesce((c.referral_config->>'points_per_referral')::int, 1) END`,
    [campaignIds],
  )
  return row?.dirty ?? 0
}
