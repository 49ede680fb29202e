import { expect } from 'vitest'
import type { LeaderboardHistory } from '../../../src/leaderboard/leaderboard.ts'
import { createBackfiller } from '../../../src/leaderboard/postgres-backfill.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import type { Backfilled, BackfillFact } from '../../../src/leaderboard/backfill.ts'
import type { Clock } from '../../../src/std/clock.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign } from './platform-rows.ts'
import { ranksOf } from './rank-history.ts'

export let database: MigratedDatabase

/** Opens the database of a test file. */
export async function openDatabase(): Promise<void> {
  database = await migratedDatabase()
}

export async function closeDatabase(): Promise<void> {
  await database.close()
}

export async function emptyTables(): Promise<void> {
  await database.sql.query('TRUNCATE worker.intents, worker.recalculations, worker.position_changes, campaigns CASCADE')
}

interface Options {
  readonly batchRows?: number
  readonly history?: LeaderboardHistory
  readonly clock?: Clock
  readonly report?: (fact: BackfillFact) => void
}

export function backfill(
  campaignId: string,
  { batchRows = 2, history = 'top', clock = createAutoAdvancingClock(), report = () => {} }: Options = {},
) {
  return database.session<Backfilled>(async (session) =>
    (await createBackfiller(session, { batchRows, history, clock })).backfill(campaignId, report),
  )
}

export const recalculate = (campaignId: string) =>
  database.transaction((tx) => createLeaderboard(database, { history: 'off' }).recalculate(campaignId, tx, false))

export const change = (statement: string, ...parameters: unknown[]) => database.sql.query(statement, parameters)

/** A campaign with many participants. */
export async function crowd(count: number): Promise<string> {
  const campaignId = await insertCampaign(database.sql)
  await database.sql.query(
    `INSERT INTO waitlist_users (campaign_id, email, referral_code, status, position, original_position)
     SELECT $1, n::text, gen_random_uuid(), 'verified', n, n FROM generate_series(1, $2::int) AS n`,
    [campaignId, count],
  )
  return campaignId
}

/** A clock whose pauses are where the platform writes: `writes` one after the other, then nothing. After each, what is ranked is dense. */
export function writing(campaignId: string, ...writes: (() => Promise<unknown>)[]): Clock {
  const clock = createAutoAdvancingClock()
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: async (ms) => {
      expect(await notInPlace(campaignId)).toEqual([])
      await writes.shift()?.()
      await clock.sleep(ms)
    },
  }
}

/**
 * What sessions of this database hold, of advisory locks and of locks by transactions that have written; our own left out, and autovacuum,
 * which writes statistics.
 */
export const locks = `
SELECT locktype AS kind FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE granted AND pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'
   AND locktype IN ('transactionid', 'advisory')`

/** Ranked rows that do not stand where their stored scores put them. */
export function notInPlace(campaignId: string): Promise<unknown[]> {
  return database.sql.query(
    `SELECT * FROM (SELECT id, position, row_number() OVER (ORDER BY ranked_score, created_at, id) AS place
                      FROM waitlist_users WHERE campaign_id = $1 AND ranked_score IS NOT NULL) AS ranked
      WHERE position <> place`,
    [campaignId],
  )
}

export async function order(campaignId: string): Promise<string[]> {
  const rows = await database.sql.query<{ id: string; position: number }>(
    `SELECT id, position FROM waitlist_users WHERE campaign_id = $1 AND ranked_score IS NOT NULL ORDER BY position, id`,
    [campaignId],
  )
  expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1))
  return rows.map(({ id }) => id)
}

/** The rule, once more and whole, has nothing to change. */
export async function atRest(campaignId: string): Promise<void> {
  expect(await notInPlace(campaignId)).toEqual([])
  const before = await ranksOf(campaignId, database.sql)
  await change('UPDATE waitlist_users SET ranked_score = NULL WHERE campaign_id = $1', campaignId)
  expect(await recalculate(campaignId)).toMatchObject({ because: 'first' })
  expect(await ranksOf(campaignId, database.sql)).toEqual(before)
}
