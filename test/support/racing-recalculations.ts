import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import { SqlError, type Sql } from '../../src/std/sql.ts'
import { insertCampaign, insertUser, insertUsers } from '../contract/postgres/platform-rows.ts'
import { pick, seeded } from '../contract/postgres/rank-reference-model.ts'
import type { MigratedDatabase } from './migrated-database.ts'

export interface Race {
  readonly processes: number
  /** Recalculations of each process, those that met another's lock included. */
  readonly each: number
  readonly campaigns: number
  readonly participants: number
}

type Ends = Readonly<Record<'windowed' | 'whole' | 'locked' | 'deadlocks' | 'waited', number>>

const points = 3

/**
 * Processes recalculate the same campaigns side by side while the platform writes them: referrals, joins, blocks, rows of
 * several people in any order. Ranked rows are dense in every snapshot that is looked at meanwhile; at rest all positions
 * are those of the rule, calculated here. Resolves to how the recalculations ended.
 */
export async function race(
  database: MigratedDatabase,
  { processes, each, campaigns, participants }: Race,
): Promise<Ends & { snapshots: number }> {
  const all = new Map<string, string[]>()
  for (let one = 0; one < campaigns; one++) {
    const campaignId = await insertCampaign(database.sql, { points_per_referral: points })
    all.set(campaignId, await insertUsers(database.sql, campaignId, participants))
  }
  const over = new AbortController()
  let snapshots = 0
  const watcher = async () => {
    while (!over.signal.aborted) {
      expect(await notDense(database.sql)).toEqual([])
      snapshots += 1
    }
  }
  const others = Promise.all([watcher(), platform(database, all, 1, over.signal), platform(database, all, 2, over.signal)])
  const ends = await Promise.all(Array.from({ length: processes }, () => child(database.url, each, [...all.keys()]))).finally(() =>
    over.abort(),
  )
  await others
  for (const campaignId of all.keys()) await atRest(database, campaignId)
  const sum = (key: keyof Ends) => ends.reduce((total, one) => total + one[key], 0)
  return {
    windowed: sum('windowed'),
    whole: sum('whole'),
    locked: sum('locked'),
    deadlocks: sum('deadlocks'),
    waited: sum('waited'),
    snapshots,
  }
}

async function child(url: string, count: number, campaigns: readonly string[]): Promise<Ends> {
  const program = fileURLToPath(new URL('recalculating-child.ts', import.meta.url))
  const started = spawn(process.execPath, [program, url, String(count), ...campaigns], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(started.stdout), once(started, 'exit')])
  expect(code).toBe(0)
  const ends: Ends = JSON.parse(output)
  return ends
}

/** Campaigns whose ranked rows do not stand where their stored scores put them, in one snapshot. */
function notDense(sql: Sql): Promise<unknown[]> {
  return sql.query(
    `SELECT DISTINCT campaign_id
       FROM (SELECT campaign_id, position, row_number() OVER (PARTITION BY campaign_id ORDER BY ranked_score, created_at, id) AS place
               FROM waitlist_users WHERE ranked_score IS NOT NULL) AS ranked
      WHERE position <> place`,
  )
}

async function platform(database: MigratedDatabase, all: ReadonlyMap<string, string[]>, seed: number, over: AbortSignal): Promise<void> {
  const random = seeded(seed)
  while (!over.aborted) {
    const [campaignId, users] = pick([...all], random)
    const what = random()
    if (what < 0.5) {
      await database.sql.query('UPDATE waitlist_users SET verified_referral_count = (verified_referral_count + 1) % 12 WHERE id = $1', [
        pick(users, random),
      ])
    } else if (what < 0.7) {
      await database.sql.query('UPDATE waitlist_users SET status = $2 WHERE id = $1', [
        pick(users, random),
        pick(['blocked', 'removed', 'verified', 'verified'], random),
      ])
    } else if (what < 0.75) {
      users.push(await insertUser(database.sql, campaignId, { original_position: users.length + 1 }))
    } else {
      // Several rows in any order, as an import or a merge of accounts would: these deadlock, with each other too.
      await database
        .transaction(async (tx) => {
          for (let row = 0; row < 4; row++)
            await tx.query('UPDATE waitlist_users SET updated_at = now() WHERE id = $1', [pick(users, random)])
        })
        .catch((error: unknown) => {
          if (!(error instanceof SqlError) || error.state !== '40P01') throw error
        })
    }
  }
}

/** One more recalculation of what is dirty, then everybody has the position of the rule. */
async function atRest(database: MigratedDatabase, campaignId: string): Promise<void> {
  const result = await database.transaction((tx) => createLeaderboard(database, { history: 'off' }).recalculate(campaignId, tx, false))
  expect(result).toMatchObject({ is: 'done' })
  const rows = await database.sql.query<{ id: string; at: string; original: number; verified: number; out: boolean; position: number }>(
    `SELECT id, extract(epoch FROM created_at)::text AS at, original_position AS original, verified_referral_count AS verified,
            deleted_at IS NOT NULL OR status IN ('blocked', 'removed') AS out, position
       FROM waitlist_users WHERE campaign_id = $1`,
    [campaignId],
  )
  const score = (row: (typeof rows)[number]) => row.original - row.verified * points
  const order = rows
    .filter(({ out }) => !out)
    .toSorted((a, b) => score(a) - score(b) || Number(a.at) - Number(b.at) || (a.id < b.id ? -1 : 1))
  expect(order.map(({ position }) => position)).toEqual(order.map((_, index) => index + 1))
}
