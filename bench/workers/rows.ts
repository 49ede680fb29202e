import { defaultGroups, listedConsumers } from '../../src/consumers/registry.ts'
import { eventTypes } from '../../src/events/catalogue/catalogue.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'
import type { Sql } from '../../src/std/sql.ts'
import { monotonicMs } from '../sinks/arrivals.ts'
import type { ContenderName } from './contenders.ts'
import { oldEventType } from './events.ts'
import { numberIn } from './ids.ts'

/** Begins the statements by which the bench looks on while it measures; a profile leaves them out. */
export const lookOfBench = '/* bench */'

/** Whether ours has work that is not finished. */
export async function hasUnfinished(sql: Sql): Promise<boolean> {
  const rows = await sql.query(
    `${lookOfBench} SELECT FROM worker.intents WHERE state IN ('pending', 'claimed', 'handing_over', 'ambiguous') LIMIT 1`,
  )
  return rows.length > 0
}

/** How far our groups have come on all partitions together. */
export async function accepted(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ offsets: number }>(
    `${lookOfBench} SELECT coalesce(sum(next_offset), 0)::float8 AS offsets FROM worker.progress`,
  )
  return row?.offsets ?? 0
}

/** When ours began to accept the event of a person, and to start the mail; milliseconds of the monotonic clock. */
export interface MailSteps {
  readonly acceptedAt: number
  readonly startedAt: number
}

/** By the number of the person. */
export async function mailSteps(sql: Sql): Promise<ReadonlyMap<number, MailSteps>> {
  const rows = await sql.query<{ userId: string; acceptedAt: number; startedAt: number }>(
    `SELECT i.user_id AS "userId", extract(epoch FROM i.created_at)::float8 * 1000 AS "acceptedAt",
            extract(epoch FROM l.created_at)::float8 * 1000 AS "startedAt"
       FROM worker.intents AS i JOIN platform.email_logs AS l ON l.user_id = i.user_id`,
  )
  const behind = Date.now() - monotonicMs()
  return new Map(
    rows.map(({ userId, acceptedAt, startedAt }) => [numberIn(userId), { acceptedAt: acceptedAt - behind, startedAt: startedAt - behind }]),
  )
}

const inOneRow = {
  mail: `
    SELECT (SELECT count(*)::int FROM worker.outcomes WHERE outcome = 'accepted') AS accepted,
           (SELECT count(*)::int FROM worker.intents WHERE state = 'sent') AS sent,
           (SELECT count(*)::int FROM worker.intents WHERE state <> 'sent') AS other,
           (SELECT count(*)::int FROM platform.email_logs WHERE status = 'sent') AS logged`,
  webhooks: `
    SELECT (SELECT count(*)::int FROM worker.outcomes WHERE outcome = 'accepted') AS accepted,
           (SELECT count(*)::int FROM worker.intents WHERE state = 'delivered') AS sent,
           (SELECT count(*)::int FROM worker.intents WHERE state <> 'delivered') AS other,
           (SELECT count(*)::int FROM platform.webhook_deliveries d
             WHERE d.status = 'success' AND EXISTS (SELECT FROM platform.webhooks w WHERE w.id = d.webhook_id)) AS logged`,
} as const

/** What is wrong with the rows that a contender left after so many events: a sentence, or null. */
export async function wrongRows(sql: Sql, contender: ContenderName, work: 'mail' | 'webhooks', expected: number): Promise<string | null> {
  if (contender !== 'ours') {
    const [row] = await sql.query<{ claims: number }>('SELECT count(*)::int AS claims FROM public.processed_events')
    return row?.claims === expected ? null : `Of ${expected} events ${row?.claims} are claimed.`
  }
  const [row] = await sql.query<{ accepted: number; sent: number; other: number; logged: number }>(inOneRow[work])
  const wanted = { accepted: expected, sent: expected, other: 0, logged: expected }
  const isRight =
    row !== undefined && Object.entries(wanted).every(([name, count]) => count === Object.entries(row).find(([key]) => key === name)?.[1])
  return isRight ? null : `The rows after ${expected} events are ${JSON.stringify(row)} in place of ${JSON.stringify(wanted)}.`
}

/** The same after a drain of so many old events by all groups. */
export async function wrongDrain(sql: Sql, prefix: string, expected: number): Promise<string | null> {
  const rows = await sql.query<{ group: string; count: number }>(
    'SELECT group_name AS "group", count(*)::int AS count FROM worker.outcomes GROUP BY group_name',
  )
  const found = Object.fromEntries(rows.map(({ group, count }) => [group, count]))
  const wanted = handledBy(ourTypes, expected)
  const wrong = defaultGroups.filter((group) => (found[prefix + group] ?? 0) !== (wanted[group] ?? 0))
  if (wrong.length > 0) return `The outcomes of ${expected} old events are ${JSON.stringify(found)} in place of ${JSON.stringify(wanted)}.`
  const [dead] = await sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.dead_letters')
  return dead?.count === 0 ? null : `${dead?.count} of ${expected} old events are dead letters.`
}

/** What the groups of a contender have to handle. */
export type HandledTypes = Readonly<Record<string, readonly string[]>>

export const ourTypes: HandledTypes = Object.fromEntries(
  listedConsumers
    .filter(({ name }) => defaultGroups.includes(name))
    .map(({ name, types }) => {
      const filter = createTypeFilter(types)
      return [name, eventTypes.filter((type) => filter.handles(type))]
    }),
)
/** The groups of the Go programs, which take more; their names and types are in those programs. */
export const goTypes: HandledTypes = {
  'email-workers': ['user.signed_up', 'user.verified', 'referral.verified', 'reward.earned', 'campaign.milestone_reached'],
  'position-workers': ['referral.verified', 'user.verified'],
  'reward-workers': ['reward.earned', 'referral.verified'],
}

/** How many of the first `events` old events each group handles. */
export function handledBy(types: HandledTypes, events: number): Record<string, number> {
  const perType = new Map<string, number>()
  for (let n = 0; n < events; n++) perType.set(oldEventType(n), (perType.get(oldEventType(n)) ?? 0) + 1)
  return Object.fromEntries(
    Object.entries(types).map(([group, wanted]) => [group, wanted.reduce((sum, type) => sum + (perType.get(type) ?? 0), 0)]),
  )
}
