import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Leaderboard } from '../../../src/leaderboard/leaderboard.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { insertIntents, request } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUsers } from './platform-rows.ts'

let database: MigratedDatabase
let leaderboard: Leaderboard
beforeAll(async () => {
  database = await migratedDatabase()
  leaderboard = createLeaderboard(database, { history: 'top' })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.recalculations, campaigns CASCADE'))

const recalculate = (campaignId: string) => database.transaction((tx) => leaderboard.recalculate(campaignId, tx, false))

describe('wakeWaitingMails', () => {
  it('makes only the mails due that wait for the campaign', async () => {
    const campaignId = await insertCampaign(database.sql)
    const waiting = { campaign_id: campaignId, reason: 'awaiting-recalculation', due_at: new Date(Date.now() + 60_000) }
    await insertIntents(
      database.sql,
      { ...waiting, key: 'waits' },
      { ...waiting, key: 'due already', due_at: new Date(0) },
      { ...waiting, key: 'for something else', reason: 'campaign-paused' },
      { ...waiting, key: 'in another campaign', campaign_id: '00000000-0000-4000-8000-0000000000ff' },
      { ...waiting, key: 'held', state: 'held' },
    )
    expect(await leaderboard.wakeWaitingMails(campaignId)).toBe(1)
    const due = await createIntentStore(database, { channels: channelNames }).claim(request())
    expect(due.map(({ key }) => key)).toEqual(['due already', 'waits'])
  })
})

describe('sweep', () => {
  const claim = { group: 'rankers', channel: 'leaderboard', kinds: [{ kind: 'recalculate', version: 1 }] } as const

  it.each([
    ['joined', `INSERT INTO waitlist_users (campaign_id, email, referral_code, position, original_position) VALUES ($1, 'n', 'n', 0, 9)`],
    ['was blocked', `UPDATE waitlist_users SET status = 'blocked' WHERE campaign_id = $1 AND original_position = 1`],
    ['was deleted', `UPDATE waitlist_users SET deleted_at = now() WHERE campaign_id = $1 AND original_position = 2`],
    ['was edited', `UPDATE waitlist_users SET verified_referral_count = 1 WHERE campaign_id = $1 AND original_position = 2`],
    ['earns by other points', `UPDATE campaigns SET referral_config = '{"points_per_referral": 2}' WHERE id = $1`],
  ])('finds a campaign in which a participant %s', async (_, change) => {
    const [still, moving] = [await insertCampaign(database.sql), await insertCampaign(database.sql)]
    for (const campaignId of [still, moving]) {
      await insertUsers(database.sql, campaignId, 3)
      await recalculate(campaignId)
    }
    expect(await leaderboard.sweep('rankers')).toBe(0)
    await database.sql.query(change, [moving])
    expect(await leaderboard.sweep('rankers')).toBe(1)
    expect(await leaderboard.sweep('rankers')).toBe(0)
    const [intent] = await createIntentStore(database, { channels: channelNames }).claim(request(claim))
    expect(intent).toMatchObject({
      campaignId: moving,
      key: `recalculate:${moving}`,
      coalesce: true,
      class: 'live',
      eventId: null,
      data: {},
    })
    // Runs may have read this before the next change.
    expect(await leaderboard.sweep('rankers')).toBe(1)
    await recalculate(moving)
    await database.sql.query('DELETE FROM worker.intents')
    expect(await leaderboard.sweep('rankers')).toBe(0)
  })

  it('writes one request for each campaign and none for deleted ones', async () => {
    for (let campaigns = 0; campaigns < 5; campaigns++) await insertUsers(database.sql, await insertCampaign(database.sql), 3)
    const deleted = await insertCampaign(database.sql, { points_per_referral: 4 })
    await insertUsers(database.sql, deleted, 2)
    await database.sql.query('UPDATE campaigns SET deleted_at = now() WHERE id = $1', [deleted])
    expect(await leaderboard.sweep('rankers')).toBe(5)
    expect(
      (await createIntentStore(database, { channels: channelNames }).claim(request(claim))).map(({ campaignId }) => campaignId),
    ).not.toContain(deleted)
    await recalculate(deleted)
    expect(await leaderboard.sweep('others')).toBe(5)
  })

  it('skips along its indexes', async () => {
    await database.sql.query(
      `WITH account AS (INSERT INTO accounts (name, slug) VALUES ('A', 'a') RETURNING id),
            made AS (INSERT INTO campaigns (account_id, name, slug)
                     SELECT account.id, n::text, n::text FROM account, generate_series(1, 200) AS n RETURNING id)
       INSERT INTO waitlist_users (campaign_id, email, referral_code, position, original_position, ranked_score, ranked_ppr)
       SELECT made.id, n::text, made.id || n::text, n, n, CASE WHEN n % 50 > 0 THEN n END, CASE WHEN n % 50 > 0 THEN 1 ELSE 0 END
         FROM made, generate_series(1, 300) AS n`,
    )
    await database.sql.query('ANALYZE waitlist_users, campaigns')
    let text = ''
    const listening = { query: (statement: string) => ((text = statement), Promise.resolve([])) }
    await createLeaderboard({ ...database, sql: listening }, { history: 'top' }).sweep('rankers')
    const plan = await database.sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, ['rankers'])
    const lines = plan.map((row) => row['QUERY PLAN']).join('\n')
    expect(lines).toContain('waitlist_users_dirty')
    expect(lines).toContain('waitlist_users_ranked')
    expect(lines).not.toContain('Seq Scan on waitlist_users')
    expect(await leaderboard.sweep('rankers')).toBe(200)
  })
})
