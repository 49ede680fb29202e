import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createBackfiller } from '../../../src/leaderboard/postgres-backfill.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import type { Backfilled, BackfillFact } from '../../../src/leaderboard/backfill.ts'
import type { Clock } from '../../../src/std/clock.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { insertCampaign, insertUsers } from './platform-rows.ts'
import {
  atRest,
  backfill,
  change,
  closeDatabase,
  crowd,
  database,
  emptyTables,
  locks,
  openDatabase,
  order,
  recalculate,
  writing,
} from './backfill-fixture.ts'

beforeAll(openDatabase)
afterAll(closeDatabase)
beforeEach(emptyTables)

describe('a backfill', () => {
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
})
