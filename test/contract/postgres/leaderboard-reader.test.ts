import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { positionConsumer } from '../../../src/consumers/position/position-consumer.ts'
import { createAcceptStore } from '../../../src/infra/postgres/ingest/postgres-accept-store.ts'
import { createLeaderboardReader } from '../../../src/leaderboard/postgres-standings.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import type { LeaderboardReader } from '../../../src/leaderboard/standings.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { sampleEvent } from '../../support/sample-event.ts'
import { insertIntents } from './intent-rows.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'

const group = 'rankers'
const nobody = '00000000-0000-4000-8000-000000000bad'

let database: MigratedDatabase
let sql: Sql
let reader: LeaderboardReader
beforeAll(async () => {
  database = await migratedDatabase()
  sql = database.sql
  reader = createLeaderboardReader(sql, { group, manyDirty: 3 })
})
afterAll(() => database.close())
beforeEach(() =>
  sql.query('TRUNCATE worker.intents, worker.outcomes, worker.progress, worker.recalculations, worker.position_changes, campaigns CASCADE'),
)

const recalculate = (campaignId: string) =>
  database.transaction((tx) => createLeaderboard(database, { history: 'all' }).recalculate(campaignId, tx, false))
const refer = (id: string | undefined) =>
  sql.query('UPDATE waitlist_users SET verified_referral_count = verified_referral_count + 1 WHERE id = $1', [id])

/** Accepts one verified referral of the campaign, as the group's own consumer decides; returns the event's id. */
async function accept(campaignId: string, offset: bigint, by = group): Promise<string> {
  const event = { ...sampleEvent('referral.verified'), id: randomUUID(), campaign_id: campaignId }
  const store = createAcceptStore(database)
  if (offset === 0n) await store.createProgress(by, 'topic', [{ partition: 0, next: 0n, exemptBelow: 0n }])
  const accepted = {
    offset,
    eventId: event.id,
    type: event.type,
    at: new Date(),
    contentHash: Buffer.from(event.id),
    drafts: positionConsumer.accept(event),
  }
  const at = {
    group: by,
    topic: 'topic',
    partition: 0,
    expected: offset,
    next: offset + 1n,
    recoverBelow: 0n,
    passed: [],
    reservation: null,
  }
  expect(await store.accept({ ...at, events: [accepted] })).toMatchObject({ is: 'accepted' })
  return event.id
}

describe('a campaign', () => {
  it('shows its points, the number of ranked and changed participants, and the last recalculation', async () => {
    const campaignId = await insertCampaign(sql, { points_per_referral: 2 })
    const ids = await insertUsers(sql, campaignId, 5)
    const fresh = { campaignId, deleted: false, points: 2, rankedWith: null, ranked: 0, last: null, pending: null }
    expect(await reader.standing(campaignId)).toEqual({ ...fresh, dirty: 3 })
    await recalculate(campaignId)
    const ranked = { points: 2, rankedWith: 2, ranked: 5, dirty: 0, last: { mode: 'full', rowsChanged: 5 } }
    expect(await reader.standing(campaignId)).toMatchObject(ranked)
    await refer(ids[4])
    expect(await reader.standing(campaignId)).toMatchObject({ ...ranked, dirty: 1 })
    await recalculate(campaignId)
    expect(await reader.standing(campaignId)).toMatchObject({ ...ranked, last: { mode: 'windowed', rowsChanged: 2 } })
    await sql.query(`UPDATE campaigns SET referral_config = '{"points_per_referral": 4}', deleted_at = now()`)
    expect(await reader.standing(campaignId)).toMatchObject({ points: 4, rankedWith: 2, deleted: true })
    expect(await reader.standing(nobody)).toBeNull()
  })

  it('shows since when a recalculation is requested, by its own group', async () => {
    const campaignId = await insertCampaign(sql)
    const recalculation = {
      kind: 'recalculate',
      channel: 'leaderboard',
      coalesce: true,
      key: `recalculate:${campaignId}`,
      created_at: new Date(1e12),
    }
    const pending = async () => (await reader.standing(campaignId))?.pending
    await insertIntents(sql, { ...recalculation, group_name: 'others' }, { ...recalculation, group_name: group, state: 'skipped' })
    expect(await pending()).toBeNull()
    await insertIntents(sql, { ...recalculation, group_name: group, reason: 'rows-locked' })
    expect(await pending()).toMatchObject({ state: 'pending', since: new Date(1e12), reason: 'rows-locked' })
    await sql.query(`UPDATE worker.intents SET state = 'claimed', owner = 'w', lease_until = now() WHERE state = 'pending'`)
    expect(await pending()).toMatchObject({ state: 'claimed', since: new Date(1e12) })
  })
})

describe('people', () => {
  it('are listed in their stored order, with dirty rows marked, and without those of other campaigns', async () => {
    const campaignId = await insertCampaign(sql)
    const ids = await insertUsers(sql, campaignId, 4)
    await recalculate(campaignId)
    const other = await insertCampaign(sql)
    await insertUsers(sql, other, 9)
    await recalculate(other)
    await refer(ids[1])
    await insertUser(sql, campaignId, { original_position: 0 })
    expect(await reader.top(campaignId, 3)).toEqual([
      { position: 1, userId: ids[0], score: 1n, originalPosition: 1, verifiedReferrals: 0, dirty: false },
      { position: 2, userId: ids[1], score: 2n, originalPosition: 2, verifiedReferrals: 1, dirty: true },
      { position: 3, userId: ids[2], score: 3n, originalPosition: 3, verifiedReferrals: 0, dirty: false },
    ])
    await sql.query(`UPDATE campaigns SET referral_config = '{"points_per_referral": 4}' WHERE id = $1`, [campaignId])
    expect((await reader.top(campaignId, 99)).map(({ dirty }) => dirty)).toEqual([true, true, true, true])
  })

  it('are listed around a person with up to the same number on each side, with equal scores and times too', async () => {
    const campaignId = await insertCampaign(sql)
    const at = new Date(1e12)
    for (let people = 0; people < 9; people++) await insertUser(sql, campaignId, { original_position: 5, created_at: at })
    await recalculate(campaignId)
    const all = (await reader.top(campaignId, 99)).map(({ userId }) => userId)
    expect(all).toEqual(all.toSorted())
    const around = async (place: number, each: number) =>
      (await reader.around(campaignId, all[place - 1] ?? '', each)).map(({ position }) => position)
    expect(await around(5, 2)).toEqual([3, 4, 5, 6, 7])
    expect(await around(1, 2)).toEqual([1, 2, 3])
    expect(await around(9, 3)).toEqual([6, 7, 8, 9])
    expect(await around(4, 0)).toEqual([4])
    const other = await insertCampaign(sql)
    await insertUsers(sql, other, 9)
    await recalculate(other)
    expect(await reader.around(other, all[0] ?? '', 3)).toEqual([])
  })

  it('are shown with the parts of their score, even if they do not take part', async () => {
    const campaignId = await insertCampaign(sql, { points_per_referral: 3 })
    const userId = await insertUser(sql, campaignId, { original_position: 10, verified_referral_count: 4, position: 8 })
    const person = { userId, campaignId, originalPosition: 10, verifiedReferrals: 4, points: 3, status: 'verified', deleted: false }
    expect(await reader.person(userId)).toEqual({ ...person, position: 8, score: -2n, rankedScore: null, rankedWith: 0 })
    await recalculate(campaignId)
    expect(await reader.person(userId)).toEqual({ ...person, position: 1, score: -2n, rankedScore: -2n, rankedWith: 3 })
    await sql.query(`UPDATE waitlist_users SET status = 'blocked', deleted_at = now()`)
    expect(await reader.person(userId)).toMatchObject({ status: 'blocked', deleted: true, score: null, rankedScore: -2n })
    expect(await reader.person(nobody)).toBeNull()
  })
})

describe('the last movement', () => {
  it('names the events that its run covered, including those merged into a pending request, newest first', async () => {
    const [campaignId, other] = [await insertCampaign(sql), await insertCampaign(sql)]
    const [first, , third] = await insertUsers(sql, campaignId, 3)
    const before = await accept(campaignId, 0n)
    await recalculate(campaignId)
    await refer(third)
    const covered = [await accept(campaignId, 1n), await accept(campaignId, 2n)]
    await accept(other, 3n)
    await accept(campaignId, 0n, 'others')
    await refer(third)
    await recalculate(campaignId)
    await accept(campaignId, 4n)

    const person = { userId: third ?? '', campaignId }
    const change = await reader.lastChange(person, 20)
    expect(change).toMatchObject({ fromPosition: 3, toPosition: 2, fromScore: 3n, toScore: 1n })
    expect(change?.events.map(({ eventId }) => eventId)).toEqual(covered.toReversed())
    expect(change?.events[0]).toMatchObject({ type: 'referral.verified', at: expect.any(Date) })
    expect((await reader.lastChange(person, 1))?.events.map(({ eventId }) => eventId)).toEqual(covered.slice(1))
    expect(await reader.lastChange({ ...person, campaignId: other }, 20)).toBeNull()
    expect(await reader.lastChange({ userId: nobody, campaignId }, 20)).toBeNull()

    // The first participant stayed where the first run had put them, and that run covered what came before.
    expect((await reader.lastChange({ userId: first ?? '', campaignId }, 20))?.events).toMatchObject([{ eventId: before }])
  })

  it('of the first run has no old position, and of a person who left no new one', async () => {
    const campaignId = await insertCampaign(sql)
    const [userId = ''] = await insertUsers(sql, campaignId, 1)
    const eventId = await accept(campaignId, 0n)
    await recalculate(campaignId)
    expect(await reader.lastChange({ userId, campaignId }, 20)).toMatchObject({
      since: null,
      fromPosition: null,
      fromScore: null,
      toPosition: 1,
      events: [{ eventId }],
    })
    await sql.query(`UPDATE waitlist_users SET status = 'removed'`)
    await recalculate(campaignId)
    expect(await reader.lastChange({ userId, campaignId }, 20)).toMatchObject({
      since: expect.any(Date),
      fromPosition: 1,
      toPosition: null,
      toScore: null,
      events: [],
    })
  })
})

it('everything is read along an index', async () => {
  await sql.query(
    `WITH account AS (INSERT INTO accounts (name, slug) VALUES ('A', 'a') RETURNING id),
          made AS (INSERT INTO campaigns (account_id, name, slug)
                   SELECT account.id, n::text, n::text FROM account, generate_series(1, 400) AS n RETURNING id),
          recorded AS (INSERT INTO worker.recalculations SELECT id, now(), now(), 1 FROM made),
          pending AS (INSERT INTO worker.intents (group_name, kind, version, channel, key, coalesce, campaign_id)
                    SELECT 'rankers', 'recalculate', 1, 'leaderboard', 'recalculate:' || id, true, id FROM made),
          people AS (INSERT INTO waitlist_users (campaign_id, email, referral_code, position, original_position, ranked_score, ranked_ppr)
                     SELECT made.id, n::text, made.id || n::text, n, n, n, 1 FROM made, generate_series(1, 150) AS n RETURNING id, campaign_id)
     INSERT INTO worker.position_changes (user_id, campaign_id, at, since) SELECT id, campaign_id, now(), now() - interval '1 minute' FROM people`,
  )
  await sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, effects, at)
     SELECT 'rankers', gen_random_uuid(), 'referral.verified', '\\x00', 't', 0, n, 'accepted', ARRAY['recalculate:' || n], now() - n * interval '1 second'
       FROM generate_series(1, 20000) AS n`,
  )
  await sql.query('ANALYZE')
  const queries: { text: string; parameters: readonly unknown[] }[] = []
  const listening: Sql = {
    query: (text, parameters = []) => {
      queries.push({ text, parameters })
      return sql.query(text, parameters)
    },
  }
  const [{ id: userId, campaign_id: campaignId } = { id: '', campaign_id: '' }] = await sql.query<{ id: string; campaign_id: string }>(
    'SELECT id, campaign_id FROM waitlist_users WHERE position = 70 LIMIT 1',
  )
  const indexed = createLeaderboardReader(listening, { group, manyDirty: 1_000 })
  expect((await indexed.standing(campaignId))?.pending).not.toBeNull()
  expect(await indexed.top(campaignId, 10)).toHaveLength(10)
  expect(await indexed.around(campaignId, userId, 5)).toHaveLength(11)
  expect(await indexed.person(userId)).not.toBeNull()
  expect(await indexed.lastChange({ userId, campaignId }, 20)).not.toBeNull()
  const ranked = /^ *-> +Index Scan (?:Backward )?using waitlist_users_ranked/m
  const expected = [
    [ranked, /Index Scan on waitlist_users_dirty|using waitlist_users_dirty/],
    [/using intents_coalesced/, /using intents_lease/],
    [ranked],
    [ranked, /Index Cond: .*ROW\(ranked_score, created_at, id\) < /, /Index Cond: .*ROW\(ranked_score, created_at, id\) >= /],
    [/using waitlist_users_pkey/],
    [/using position_changes_user/, /Index Scan Backward using outcomes_age/],
  ]
  expect(queries).toHaveLength(expected.length)
  for (const [index, { text, parameters }] of queries.entries()) {
    const lines = await sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, parameters)
    const plan = lines.map((line) => line['QUERY PLAN']).join('\n')
    for (const part of expected[index] ?? []) expect(plan).toMatch(part)
    expect(plan).not.toContain('Seq Scan')
  }
})
