import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createBackfiller } from '../../../src/leaderboard/postgres-backfill.ts'
import type { Backfiller, BackfillFact } from '../../../src/leaderboard/backfill.ts'
import type { Clock } from '../../../src/std/clock.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'
import { backfill, change, closeDatabase, crowd, database, emptyTables, openDatabase, recalculate } from './backfill-fixture.ts'

beforeAll(openDatabase)
afterAll(closeDatabase)
beforeEach(emptyTables)

/** The campaigns that one would go through. */
const campaigns = (only: string | null = null) =>
  database.session(async (session) =>
    (await createBackfiller(session, { batchRows: 1, history: 'off', clock: createAutoAdvancingClock() })).campaigns(only),
  )

describe('the campaigns of a backfill', () => {
  it('are those with unranked participants, without deleted campaigns', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => insertCampaign(database.sql)))
    const [new1 = '', new2 = '', ranked = '', edited = '', deleted = ''] = made
    for (const campaignId of made) await insertUsers(database.sql, campaignId, 2)
    for (const campaignId of [ranked, edited]) await recalculate(campaignId)
    await change('UPDATE waitlist_users SET verified_referral_count = 1 WHERE campaign_id = $1', edited)
    await change('UPDATE campaigns SET deleted_at = now() WHERE id = $1', deleted)
    await insertUser(database.sql, await insertCampaign(database.sql), { status: 'removed' })
    expect(await campaigns()).toEqual([new1, new2].toSorted())
    expect(await campaigns(new2.toUpperCase())).toEqual([new2])
    expect(await campaigns(ranked)).toEqual([])
    for (const none of [deleted, randomUUID()])
      await expect(campaigns(none)).rejects.toThrow(`There is no campaign ${none} in this database, or it is deleted`)
  })

  it('cost one probe of the index of dirty rows per campaign with work, and nothing for others', async () => {
    await database.sql.query(
      `WITH account AS (INSERT INTO accounts (name, slug) VALUES ('A', 'a') RETURNING id),
            made AS (INSERT INTO campaigns (account_id, name, slug)
                     SELECT account.id, n::text, n::text FROM account, generate_series(1, 300) AS n RETURNING id, slug)
       INSERT INTO waitlist_users (campaign_id, email, referral_code, status, position, original_position, ranked_score, ranked_ppr)
       SELECT made.id, n::text, made.id || n::text, 'verified', n, n,
              CASE WHEN made.slug::int > 3 THEN n END, CASE WHEN made.slug::int > 3 THEN 1 ELSE 0 END
         FROM made, generate_series(1, 100) AS n`,
    )
    await database.sql.query('VACUUM ANALYZE waitlist_users, campaigns')
    const { plans, result } = await explained('WITH RECURSIVE', (backfiller) => backfiller.campaigns(null))
    expect(result).toHaveLength(3)
    expect(plans[0]).toContain('waitlist_users_dirty')
    expect(plans[0]).not.toMatch(/Seq Scan on waitlist_users|waitlist_users_ranked|waitlist_users_pkey/)
    expect(pagesOf(plans[0])).toBeLessThan(100)
  })
})

/** Plans of the statements that hold `words`, as the server made and ran them, before they are run once more for their rows. */
async function explained<T>(words: string, work: (backfiller: Backfiller) => Promise<T>): Promise<{ plans: string[]; result: T }> {
  const plans: string[] = []
  const listening = (sql: Sql): Sql => ({
    query: async (text, parameters) => {
      if (text.includes(words)) {
        await sql.query('BEGIN')
        const plan = await sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) ${text}`, parameters)
        await sql.query('ROLLBACK')
        plans.push(plan.map((row) => row['QUERY PLAN']).join('\n'))
      }
      return sql.query(text, parameters)
    },
  })
  const result = await database.session(async (session) => {
    const listened = { ...session, sql: listening(session.sql) }
    return work(await createBackfiller(listened, { batchRows: 2_000, history: 'off', clock: createAutoAdvancingClock() }))
  })
  return { plans, result }
}

function pagesOf(plan = ''): number {
  const [, pages] = /^ *Buffers: shared hit=(\d+)/m.exec(plan) ?? []
  return Number(pages)
}

describe('a backfill', () => {
  it.each([
    ['was empty when it was analyzed', 0],
    ['held only small campaigns when it was analyzed', 300],
  ])('finds each row of a batch by its key, even in a table that %s', async (_, small) => {
    for (let one = 0; one < small; one++) await insertUser(database.sql, await insertCampaign(database.sql))
    await database.sql.query('ANALYZE waitlist_users')
    const campaignId = await crowd(3_000)
    const { plans } = await explained('locked AS', (backfiller) => backfiller.backfill(campaignId, () => {}))
    expect(plans.length).toBeGreaterThan(1)
    for (const plan of plans) {
      expect(plan).not.toMatch(/Seq Scan on waitlist_users|Join Filter/)
      expect(pagesOf(plan) / 2_000).toBeLessThan(30)
    }
  })

  it('takes as many rows as it can write in a tenth of a second, up to the limit, and pauses for as long as it worked', async () => {
    const campaignId = await crowd(7_000)
    const takes = [10, 10, 10, 300, 300, 9_000]
    const pauses: number[] = []
    const batches: number[] = []
    let time = 0
    const clock: Clock = {
      now: () => 0,
      monotonic: () => (time += takes[batches.length] ?? 1),
      sleep: (ms) => Promise.resolve(void pauses.push(ms)),
    }
    const report = (fact: BackfillFact) => {
      if (fact.is === 'ranked') batches.push(fact.ranked)
    }
    expect(await backfill(campaignId, { batchRows: 2_000, clock, report })).toMatchObject({ is: 'done', rows: 7_000 })
    expect(batches).toEqual([500, 1_500, 3_500, 5_500, 6_500, 7_000])
    expect(pauses).toEqual([10, 10, 10, 300, 300, 5_000, 1])
  })
})
