import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LeaderboardHistory } from '../../../src/leaderboard/leaderboard.ts'
import { createBackfiller } from '../../../src/leaderboard/postgres-backfill.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { backfillAll, type Backfilled, type Backfiller, type BackfillFact } from '../../../src/leaderboard/backfill.ts'
import type { Clock } from '../../../src/std/clock.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertIntents } from './intent-rows.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'
import { playHistory, ranksOf } from './rank-history.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.recalculations, worker.position_changes, campaigns CASCADE'))

interface Options {
  readonly batchRows?: number
  readonly history?: LeaderboardHistory
  readonly clock?: Clock
  readonly report?: (fact: BackfillFact) => void
}

function backfill(
  campaignId: string,
  { batchRows = 2, history = 'top', clock = createAutoAdvancingClock(), report = () => {} }: Options = {},
) {
  return database.session<Backfilled>(async (session) =>
    (await createBackfiller(session, { batchRows, history, clock })).backfill(campaignId, report),
  )
}

const recalculate = (campaignId: string) =>
  database.transaction((tx) => createLeaderboard(database, { history: 'off' }).recalculate(campaignId, tx, false))

const change = (statement: string, ...parameters: unknown[]) => database.sql.query(statement, parameters)

/** A campaign with many participants. */
async function crowd(count: number): Promise<string> {
  const campaignId = await insertCampaign(database.sql)
  await database.sql.query(
    `INSERT INTO waitlist_users (campaign_id, email, referral_code, status, position, original_position)
     SELECT $1, n::text, gen_random_uuid(), 'verified', n, n FROM generate_series(1, $2::int) AS n`,
    [campaignId, count],
  )
  return campaignId
}

/** A clock whose pauses are where the platform writes: `writes` one after the other, then nothing. After each, what is ranked is dense. */
function writing(campaignId: string, ...writes: (() => Promise<unknown>)[]): Clock {
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

/** What sessions of this database hold, of advisory locks and of locks by transactions that have written; ours that looks left out. */
const locks = `
SELECT locktype AS kind FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE granted AND pid <> pg_backend_pid() AND datname = current_database() AND locktype IN ('transactionid', 'advisory')`

/** Ranked rows that do not stand where their stored scores put them. */
function notInPlace(campaignId: string): Promise<unknown[]> {
  return database.sql.query(
    `SELECT * FROM (SELECT id, position, row_number() OVER (ORDER BY ranked_score, created_at, id) AS place
                      FROM waitlist_users WHERE campaign_id = $1 AND ranked_score IS NOT NULL) AS ranked
      WHERE position <> place`,
    [campaignId],
  )
}

async function order(campaignId: string): Promise<string[]> {
  const rows = await database.sql.query<{ id: string; position: number }>(
    `SELECT id, position FROM waitlist_users WHERE campaign_id = $1 AND ranked_score IS NOT NULL ORDER BY position, id`,
    [campaignId],
  )
  expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1))
  return rows.map(({ id }) => id)
}

/** The rule, once more and whole, has nothing to change. */
async function atRest(campaignId: string): Promise<void> {
  expect(await notInPlace(campaignId)).toEqual([])
  const before = await ranksOf(campaignId, database.sql)
  await change('UPDATE waitlist_users SET ranked_score = NULL WHERE campaign_id = $1', campaignId)
  expect(await recalculate(campaignId)).toMatchObject({ because: 'first' })
  expect(await ranksOf(campaignId, database.sql)).toEqual(before)
}

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
  it('ranks random campaigns like the reference model, in batches of any size', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const batchRows = 1 + (seed % 7)
      await playHistory(
        database,
        seed,
        {
          rounds: 1,
          joins: 40,
          hardDeletes: false,
          recalculate: async (campaignId) => {
            const done = await backfill(campaignId, { batchRows, clock: writing(campaignId) })
            return done.is === 'done' ? done.rows + done.corrected : 0
          },
        },
        ({ expected, found }) => expect({ seed, ...found }).toEqual({ seed, ...expected }),
      )
    }
  })

  it('continues after ranked participants without writing them again; those who rank before them follow at the end', async () => {
    const campaignId = await insertCampaign(database.sql)
    const first = await insertUsers(database.sql, campaignId, 3)
    await recalculate(campaignId)
    const versions = () => database.sql.query('SELECT xmin::text FROM waitlist_users WHERE id = ANY ($1::uuid[]) ORDER BY id', [first])
    const before = await versions()
    const behind = await Promise.all([7, 8, 9].map((place) => insertUser(database.sql, campaignId, { original_position: place })))
    expect(await backfill(campaignId)).toEqual({ is: 'done', rows: 3, corrected: 0, whole: false })
    expect(await versions()).toEqual(before)
    expect(await order(campaignId)).toEqual([...first, ...behind])
    const [inFront, last] = [
      await insertUser(database.sql, campaignId, { original_position: 0 }),
      await insertUser(database.sql, campaignId, { original_position: 10 }),
    ]
    expect(await backfill(campaignId)).toEqual({ is: 'done', rows: 1, corrected: 8, whole: false })
    expect(await order(campaignId)).toEqual([inFront, ...first, ...behind, last])
    await atRest(campaignId)
  })

  it('writes the ranked columns of participants whose position is already correct', async () => {
    const campaignId = await insertCampaign(database.sql, { points_per_referral: 4 })
    await insertUser(database.sql, campaignId, { position: 1, original_position: 5, verified_referral_count: 1 })
    expect(await backfill(campaignId)).toEqual({ is: 'done', rows: 1, corrected: 0, whole: false })
    expect([...(await ranksOf(campaignId, database.sql)).values()]).toEqual(['1 1 4'])
  })

  it('omits participants who are blocked or deleted before their batch, without a gap and with nothing left to write', async () => {
    const campaignId = await insertCampaign(database.sql)
    const [a, b, c, d, e, f, g] = await insertUsers(database.sql, campaignId, 7)
    const clock = writing(
      campaignId,
      () => change(`UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, c),
      () => change('DELETE FROM waitlist_users WHERE id = $1', e),
      () => change('UPDATE waitlist_users SET deleted_at = now() WHERE id = $1', g),
    )
    expect(await backfill(campaignId, { clock })).toEqual({ is: 'done', rows: 4, corrected: 0, whole: false })
    expect(await order(campaignId)).toEqual([a, b, d, f])
    await atRest(campaignId)
  })

  it('stores the score that it read; participants who changed or joined meanwhile are moved at the end', async () => {
    const campaignId = await insertCampaign(database.sql, { points_per_referral: 10 })
    const [a, b, c, d, e] = await insertUsers(database.sql, campaignId, 5)
    let joined = ''
    const clock = writing(
      campaignId,
      () => change('UPDATE waitlist_users SET verified_referral_count = 1 WHERE id = ANY ($1::uuid[])', [b, d]),
      async () => {
        const rows = await change('SELECT ranked_score FROM waitlist_users WHERE id = $1', d)
        expect(rows).toEqual([{ ranked_score: '4' }])
        joined = await insertUser(database.sql, campaignId, { original_position: 0, created_at: new Date(0) })
      },
    )
    expect(await backfill(campaignId, { clock })).toMatchObject({ is: 'done', rows: 5, whole: false })
    expect(await order(campaignId)).toEqual([b, d, joined, a, c, e])
    await atRest(campaignId)
  })

  it('ranks the whole campaign when a ranked participant is hard-deleted, because no dirty row shows the gap', async () => {
    const campaignId = await insertCampaign(database.sql)
    const [a, b, c, d, e] = await insertUsers(database.sql, campaignId, 5)
    const clock = createAutoAdvancingClock()
    let pauses = 0
    const deleting: Clock = {
      ...clock,
      sleep: async () => {
        // After the second batch; the frontier itself goes, too, and the next batch stands behind the one before it.
        if (++pauses === 2) await change('DELETE FROM waitlist_users WHERE id = ANY ($1::uuid[])', [b, d])
      },
    }
    expect(await backfill(campaignId, { clock: deleting })).toEqual({ is: 'done', rows: 5, corrected: 2, whole: true })
    expect(await order(campaignId)).toEqual([a, c, e])
    await atRest(campaignId)
  })

  it('holds the lock of its campaign from the first batch to the end, and no other', async () => {
    const [campaignId, other] = [await insertCampaign(database.sql), await insertCampaign(database.sql)]
    await insertUsers(database.sql, campaignId, 5)
    await insertUsers(database.sql, other, 2)
    const seen: unknown[] = []
    const look = async () => seen.push(await recalculate(campaignId), await backfill(campaignId))
    const clock = writing(campaignId, look, async () => seen.push(await recalculate(other)))
    await database.session(async (session) => {
      const backfiller = await createBackfiller(session, { batchRows: 2, history: 'off', clock })
      expect(await backfiller.backfill(campaignId, () => {})).toMatchObject({ is: 'done', rows: 5 })
      expect(await recalculate(campaignId)).toMatchObject({ is: 'done', rowsChanged: 0 })
    })
    expect(seen).toMatchObject([{ is: 'locked' }, { is: 'locked' }, { is: 'done', because: 'first', rowsChanged: 2 }])
  })

  it('skips a campaign that another process ranks', async () => {
    const campaignId = await insertCampaign(database.sql)
    await insertUsers(database.sql, campaignId, 3)
    await database.transaction(async (tx) => {
      expect(await createLeaderboard(database, { history: 'off' }).recalculate(campaignId, tx, false)).toMatchObject({ is: 'done' })
      expect(await backfill(campaignId)).toEqual({ is: 'locked', by: 'campaign' })
    })
    expect(await backfill(campaignId)).toEqual({ is: 'nothing' })
  })

  it('leaves a campaign to the full ranking if its points differ from those of ranked participants, at the start or later', async () => {
    const campaignId = await insertCampaign(database.sql, { points_per_referral: 2 })
    await insertUsers(database.sql, campaignId, 5)
    const clock = writing(campaignId, () =>
      change(`UPDATE campaigns SET referral_config = '{"points_per_referral": 3}' WHERE id = $1`, campaignId),
    )
    expect(await backfill(campaignId, { clock })).toEqual({ is: 'other-points', rows: 4, rankedWith: 2, points: 3 })
    expect(await notInPlace(campaignId)).toEqual([])
    expect(await backfill(campaignId)).toEqual({ is: 'other-points', rows: 0, rankedWith: 2, points: 3 })
    expect(await recalculate(campaignId)).toMatchObject({ because: 'points', rowsChanged: 5 })
    expect(await backfill(campaignId)).toEqual({ is: 'nothing' })
  })

  it('ranks up to a row that the platform has locked, blocks no other writer, and continues when it is free', async () => {
    const campaignId = await insertCampaign(database.sql)
    const users = await insertUsers(database.sql, campaignId, 120)
    const facts: BackfillFact['is'][] = []
    const locked = Promise.withResolvers<void>()
    let running: Promise<Backfilled> | undefined
    await database.transaction(async (tx) => {
      await tx.query('UPDATE waitlist_users SET points = 1 WHERE id = $1', [users[110]])
      const report = ({ is }: BackfillFact) => {
        facts.push(is)
        if (facts.filter((fact) => fact === 'rows-locked').length === 3) locked.resolve()
      }
      running = backfill(campaignId, { batchRows: 120, report })
      await Promise.race([locked.promise, running])
      // Behind the one that waits, and in the same batch.
      await change('UPDATE waitlist_users SET points = 1 WHERE id = $1', users[111])
      expect((await order(campaignId)).length).toBeGreaterThanOrEqual(60)
    })
    expect(await running).toMatchObject({ is: 'done', rows: 120 })
    expect(await order(campaignId)).toEqual(users)
  })

  it('releases a campaign whose rows stay locked, in the middle or at the end, and continues it later', async () => {
    const campaignId = await insertCampaign(database.sql)
    const users = await insertUsers(database.sql, campaignId, 120)
    const [middle, early] = [users[110], users[2]]
    await database.session(async (session) => {
      const backfiller = await createBackfiller(session, { batchRows: 120, history: 'off', clock: createAutoAdvancingClock() })
      const givenBack = async (id: string | undefined) => {
        await database.transaction(async (tx) => {
          await tx.query('SELECT FROM waitlist_users WHERE id = $1 FOR UPDATE', [id])
          expect(await backfiller.backfill(campaignId, () => {})).toEqual({ is: 'locked', by: 'rows' })
          expect(await database.sql.query(`${locks} AND locktype = 'advisory'`)).toEqual([])
        })
      }
      await givenBack(middle)
      expect((await order(campaignId)).length).toBeGreaterThanOrEqual(60)
      await change('UPDATE waitlist_users SET verified_referral_count = 1 WHERE id = $1', early)
      await givenBack(early)
      expect(await order(campaignId)).toEqual(users)
      expect(await backfiller.backfill(campaignId, () => {})).toMatchObject({ is: 'done', rows: 120, whole: false })
    })
    await atRest(campaignId)
  })

  it('writes no more rows in one transaction than a batch, and holds no lock between them', async () => {
    const campaignId = await crowd(1_000)
    const clock: Clock = {
      ...createAutoAdvancingClock(),
      // The one of the campaign, by the session.
      sleep: async () => expect(await database.sql.query(locks)).toEqual([{ kind: 'advisory' }]),
    }
    expect(await backfill(campaignId, { batchRows: 150, clock })).toMatchObject({ rows: 1_000 })
    const transactions = await database.sql.query<{ rows: number }>(
      'SELECT count(*)::int AS rows FROM waitlist_users WHERE campaign_id = $1 GROUP BY xmin::text ORDER BY 1 DESC',
      [campaignId],
    )
    expect(transactions.map(({ rows }) => rows)).toEqual([150, 150, 150, 150, 150, 150, 100])
    expect(await database.sql.query(locks)).toEqual([])
  })

  it('ranks several campaigns on one connection, which the server closes when the process stops sending', async () => {
    const made = [await crowd(5), await crowd(7), await insertCampaign(database.sql, { points_per_referral: 3 })]
    await insertUser(database.sql, made[2] ?? '', { original_position: 9, verified_referral_count: 2 })
    const clock = createAutoAdvancingClock()
    await database.session(async (session) => {
      const backfiller = await createBackfiller(session, { batchRows: 2, history: 'off', clock })
      const ended = await backfillAll(backfiller, await backfiller.campaigns(null), { clock, report: () => {} })
      expect(Object.fromEntries([...ended].map(([id, one]) => [id, one.is === 'done' && one.rows]))).toEqual({
        [made[0] ?? '']: 5,
        [made[1] ?? '']: 7,
        [made[2] ?? '']: 1,
      })
      expect(await session.sql.query('SHOW idle_session_timeout')).toEqual([{ idle_session_timeout: '1min' }])
    })
    for (const campaignId of made) await atRest(campaignId)
  })

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

  it('is recorded as one recalculation, wakes the mails that wait for it, and writes movements only with a complete history', async () => {
    const campaignId = await insertCampaign(database.sql)
    await insertUsers(database.sql, campaignId, 3)
    await insertIntents(database.sql, {
      key: 'waits',
      campaign_id: campaignId,
      reason: 'awaiting-recalculation',
      due_at: new Date(Date.now() + 60_000),
    })
    await backfill(campaignId)
    expect(await database.sql.query('SELECT campaign_id, mode FROM worker.recalculations')).toEqual([
      { campaign_id: campaignId, mode: 'windowed' },
    ])
    expect(await database.sql.query(`SELECT FROM worker.intents WHERE due_at <= now()`)).toHaveLength(1)
    expect(await database.sql.query('SELECT FROM worker.position_changes')).toEqual([])

    const told = await insertCampaign(database.sql)
    const [first] = await insertUsers(database.sql, told, 3)
    await backfill(told, { history: 'all' })
    const history = await database.sql.query('SELECT * FROM worker.position_changes WHERE campaign_id = $1 ORDER BY to_position', [told])
    expect(history).toHaveLength(3)
    expect(history[0]).toMatchObject({ user_id: first, from_position: null, to_position: 1, from_score: null, to_score: '1' })
  })

  it('does nothing for a missing campaign, or one without unranked participants', async () => {
    const campaignId = await insertCampaign(database.sql)
    await insertUser(database.sql, campaignId, { status: 'blocked' })
    expect(await backfill(campaignId)).toEqual({ is: 'nothing' })
    expect(await backfill(randomUUID())).toEqual({ is: 'nothing' })
    expect(await database.sql.query('SELECT FROM worker.recalculations')).toEqual([])
  })
})
