import { afterAll, beforeAll, expect, it } from 'vitest'
import { wholeRanking } from '../../../src/leaderboard/whole-ranking.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign } from './platform-rows.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

const participants = 20_000
const recalculate = (campaignId: string) =>
  database.transaction((tx) => createLeaderboard(database, { history: 'top' }).recalculate(campaignId, tx, false))

/** What the statement that ranks windows reads for one referral, and how, when a connection meets it for the first time. */
async function planOfOneReferral(campaignId: string): Promise<string> {
  await database.sql.query(
    'UPDATE waitlist_users SET verified_referral_count = verified_referral_count + 1 WHERE campaign_id = $1 AND original_position = $2',
    [campaignId, participants / 2],
  )
  const lines: string[] = []
  await database.transaction(async (tx) => {
    const explaining: Sql = {
      query: async (text, parameters) => {
        if (text.includes('windows AS')) {
          await tx.query('SAVEPOINT explained')
          const plan = await tx.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) ${text}`, parameters)
          lines.push(...plan.map((row) => row['QUERY PLAN']))
          await tx.query('ROLLBACK TO explained')
        }
        return tx.query(text, parameters)
      },
    }
    await createLeaderboard(database, { history: 'top' }).recalculate(campaignId, explaining, false)
  })
  return lines.join('\n')
}

/** Dead entries are marked only when no transaction of the server is older, and no snapshot of this database. */
async function noOlderTransaction(): Promise<void> {
  const [now] = await database.sql.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
  await eventually('all older transactions have ended', async () => {
    const [row] = await database.sql.query<{ over: boolean; snapshots: number }>(
      `SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 AS over, count(*)::int AS snapshots FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL`,
      [now?.xid],
    )
    return (row?.over === true && row.snapshots === 0) || JSON.stringify(row)
  })
}

it.each([
  ['that was never analyzed', ''],
  ['whose statistics are of when it was empty', 'ANALYZE waitlist_users'],
])('windows are read along indexes, a page or two for each row, in a table %s', async (_, before) => {
  await database.sql.query('TRUNCATE campaigns CASCADE')
  // Autovacuum would analyze the table, and while it analyzes any table of the database no dead entry can be marked.
  await database.sql.query('ALTER TABLE waitlist_users SET (autovacuum_enabled = false)')
  if (before !== '') await database.sql.query(before)
  const campaignId = await insertCampaign(database.sql, { points_per_referral: 10 })
  await database.sql.query(
    `INSERT INTO waitlist_users (campaign_id, email, referral_code, position, original_position)
     SELECT $1, n || '@example.com', n::text, n, n FROM generate_series(1, $2::int) AS n`,
    [campaignId, participants],
  )
  await recalculate(campaignId)
  await noOlderTransaction()
  // The first to come by after the first ranking passes over everybody's dead entry in the index of dirty rows, and marks them.
  await recalculate(campaignId)

  const plan = await planOfOneReferral(campaignId)
  expect(plan).toContain('Index Scan using waitlist_users_dirty')
  expect(plan).not.toMatch(/Seq Scan on waitlist_users|Bitmap|Hash|Merge Join/)
  const [, pages] = /^ *Buffers: shared hit=(\d+)/m.exec(plan) ?? []
  expect(Number(pages)).toBeLessThan(400)
})

it("a whole ranking reads the campaign's setting once, not for each participant", async () => {
  const plan = await database.sql.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (VERBOSE, COSTS OFF) WITH ${wholeRanking} SELECT count(*) FROM changes`,
    [await insertCampaign(database.sql)],
  )
  // The words of the function that reads it, which the planner puts where it is called.
  expect(plan.filter((row) => row['QUERY PLAN'].includes('referral_config'))).toHaveLength(1)
})
