import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createBackfiller } from '../../../src/leaderboard/postgres-backfill.ts'
import { backfillAll } from '../../../src/leaderboard/backfill.ts'
import type { Clock } from '../../../src/std/clock.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { insertIntents } from './intent-rows.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'
import { playHistory, ranksOf } from './rank-history.ts'
import {
  atRest,
  backfill,
  change,
  closeDatabase,
  crowd,
  database,
  emptyTables,
  notInPlace,
  openDatabase,
  order,
  recalculate,
  writing,
} from './backfill-fixture.ts'

beforeAll(openDatabase)
afterAll(closeDatabase)
beforeEach(emptyTables)

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

    const reported = await insertCampaign(database.sql)
    const [first] = await insertUsers(database.sql, reported, 3)
    await backfill(reported, { history: 'all' })
    const history = await database.sql.query('SELECT * FROM worker.position_changes WHERE campaign_id = $1 ORDER BY to_position', [
      reported,
    ])
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
