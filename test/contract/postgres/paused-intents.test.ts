import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore, SetAside } from '../../../src/delivery/intent-store.ts'
import { readOrders, readPauses } from '../../../src/infra/postgres/admin/operator-orders.ts'
import { putAside } from '../../../src/delivery/put-aside.ts'
import { createPauseAdmin } from '../../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { PauseTarget } from '../../../src/model/pause.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { intentNodes, planOf, touchedBy, type PlanNode } from '../../support/statement-plan.ts'
import { campaignId, insertIntents, request, rowOf } from './intent-rows.ts'

const other = '00000000-0000-4000-8000-00000000000b'
const MANY = 100_000

let database: MigratedDatabase
let store: IntentStore
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.outcomes, worker.pauses'))

const begin = async (target: PauseTarget, forMs: number | null = null) => {
  const { pause } = await createPauseAdmin(database).begin({ ...target, owner: 'ops', because: 'test', forMs }, false)
  return pause
}
const campaign: PauseTarget = { scope: 'campaign', group: null, target: campaignId }
const aside = (pause: SetAside['pause'], change: Partial<SetAside> = {}) =>
  store.setAside({ pause, group: 'mailers', channel: 'email', class: 'live', ids: [], forMs: 3_600_000, ...change })
const keys = async () => (await store.claim(request())).map(({ key }) => key).toSorted()

/** Due intents of one campaign, each of an event of its own. */
async function due(count: number, { type, campaign: of }: { readonly type: string; readonly campaign: string }): Promise<void> {
  await database.sql.query(
    `WITH made AS (
       INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id, event_id, due_at)
       SELECT 'mailers', 'mail', 1, 'email', $2::text || $3::text || n, $3::uuid, gen_random_uuid(), now() - interval '1 minute'
         FROM generate_series(1, $1::int) AS n
       RETURNING event_id)
     INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
     SELECT 'mailers', event_id, $2, '', 'events', 0, 0, 'accepted' FROM made`,
    [count, type, of],
  )
}

describe('intents under a pause', () => {
  it('of a campaign are set aside together and leave those of others due, without a claim or an attempt', async () => {
    await due(3, { type: 'user.signed_up', campaign: campaignId })
    await due(1, { type: 'user.signed_up', campaign: other })
    expect(await aside(await begin(campaign))).toBe(3)
    expect(await keys()).toEqual([`user.signed_up${other}1`])
    expect(await rowOf(database.sql, `user.signed_up${campaignId}1`)).toMatchObject({
      state: 'pending',
      reason: 'paused',
      detail: expect.stringMatching(/^pause \d+$/),
      claims: 0,
      attempt: 0,
    })
  })

  it('are not due by themselves at its end when they are of a replay, whose job releases them', async () => {
    await due(2, { type: 'user.signed_up', campaign: campaignId })
    const pause = await begin(campaign, 3_600_000)
    const [intent] = await store.claim(request())
    if (intent === undefined) throw new Error('no intent was claimed')
    await database.sql.query(`UPDATE worker.intents SET class = 'replay'`)
    await putAside(store, [{ intent: { ...intent, class: 'replay' }, pause }], Date.now())
    const rows = await database.sql.query(`SELECT FROM worker.intents WHERE reason = 'paused' AND due_at > now() + interval '2 hours'`)
    expect(rows.length).toBeGreaterThan(0)
  })

  it('of an event type are found by the outcomes of their events', async () => {
    await due(2, { type: 'user.signed_up', campaign: campaignId })
    await due(1, { type: 'reward.earned', campaign: campaignId })
    expect(await aside(await begin({ scope: 'type', group: null, target: 'user.signed_up' }))).toBe(2)
    const left = await store.claim(request())
    expect(left.map(({ key }) => key)).toEqual([`reward.earned${campaignId}1`])
    expect(await store.eventTypes(left)).toEqual(new Map([[left[0]?.eventId, 'reward.earned']]))
  })

  it('of a destination are set aside as far as it is known, and by their ids', async () => {
    await insertIntents(database.sql, { channel: 'webhook', destination: 'e', key: 'known' }, { channel: 'webhook', key: 'prepared' })
    const { id } = await rowOf(database.sql, 'prepared')
    const pause = await begin({ scope: 'destination', group: null, target: 'e' })
    expect(await aside(pause, { channel: 'webhook', ids: [id] })).toBe(2)
  })

  it('that coalesce stay pending, so that later requests find them', async () => {
    const recalculate = { kind: 'recalculate', channel: 'leaderboard', key: 'recalculate', coalesce: true }
    await insertIntents(database.sql, recalculate)
    await aside(await begin(campaign), { channel: 'leaderboard' })
    await expect(insertIntents(database.sql, recalculate)).rejects.toThrow('intents_coalesced')
  })

  it('that a worker holds are left to it', async () => {
    await due(1, { type: 'user.signed_up', campaign: campaignId })
    const [held] = await store.claim(request())
    expect(await aside(await begin(campaign), { ids: [held?.id ?? ''] })).toBe(0)
  })

  it('are due when it is resumed, and not before', async () => {
    await due(2, { type: 'user.signed_up', campaign: campaignId })
    await aside(await begin(campaign))
    expect(await store.wakePaused()).toEqual({ woken: 0, all: true })
    expect(await keys()).toEqual([])
    await createPauseAdmin(database).end(campaign, 'ops')
    expect(await store.wakePaused()).toEqual({ woken: 2, all: true })
    expect(await keys()).toHaveLength(2)
  })

  it('are due when its time is over, and those of another pause are not', async () => {
    await due(1, { type: 'user.signed_up', campaign: campaignId })
    await due(1, { type: 'user.signed_up', campaign: other })
    await aside(await begin(campaign, 60_000))
    await aside(await begin({ ...campaign, target: other }))
    await database.sql.query(`UPDATE worker.pauses SET ends_at = now() WHERE target = $1`, [campaignId])
    expect(await store.wakePaused()).toEqual({ woken: 1, all: true })
    expect(await keys()).toEqual([`user.signed_up${campaignId}1`])
  })

  it('of an endpoint that has been away for too long are not given up', async () => {
    const deferred = { channel: 'webhook', destination: 'e', reason: 'endpoint-open', waiting_since: new Date(Date.now() - 5_400_000) }
    await insertIntents(database.sql, deferred)
    await database.sql.query(
      `INSERT INTO worker.breakers VALUES ('webhook', 'e', 'timeout', now() - interval '2 hours', now() - interval '1 hour')`,
    )
    await begin({ scope: 'destination', group: null, target: 'e' })
    const kinds = [{ kind: 'mail', version: 1 }]
    const away = { group: 'mailers', channel: 'webhook', kinds, awayMs: 3_600_000, deliveryLog: null, limit: 100 } as const
    expect(await store.abandonDeferred(away, async () => {})).toEqual([])
    await createPauseAdmin(database).end({ scope: 'destination', group: null, target: 'e' }, 'ops')
    expect(await store.abandonDeferred(away, async () => {})).toHaveLength(1)
  })
})

test('the orders of operators are read: every pause, the oldest first, and whether intents are set aside', async () => {
  expect(await readOrders(database.sql, ['mailers'])).toEqual({ setAside: false, letters: [], replays: false })
  expect(await readPauses(database.sql)).toEqual([])
  await database.sql.query('TRUNCATE worker.pauses RESTART IDENTITY')
  const first = await begin(campaign, 60_000)
  for (let partition = 2; partition <= 10; partition++) await begin({ scope: 'partition', group: 'mailers', target: String(partition) })
  await due(1, { type: 'user.signed_up', campaign: campaignId })
  await aside(first)
  const pauses = await readPauses(database.sql)
  const ids = Array.from({ length: 10 }, (_, index) => String(index + 1))
  expect(pauses.map(({ pause }) => pause.id)).toEqual(ids)
  expect(pauses.map(({ leftMs }) => leftMs === null)).toEqual(ids.map((id) => id !== '1'))
  expect((await createPauseAdmin(database).active()).map(({ id }) => id)).toEqual(ids)
  expect(await readOrders(database.sql, ['mailers'])).toEqual({ setAside: true, letters: [], replays: false })
})

const plan = (use: (store: IntentStore, sql: Sql) => Promise<unknown>): Promise<readonly PlanNode[]> => planOf(database, use)

describe.each([
  { scope: 'campaign', target: campaignId },
  { scope: 'type', target: 'user.signed_up' },
] as const)(`${MANY} due intents under a pause of a $scope`, ({ scope, target }) => {
  it('cost a bounded search to set aside, a claim of others nothing, and one probe while the pause lasts', async () => {
    await due(MANY, { type: 'user.signed_up', campaign: campaignId })
    await due(5, { type: 'reward.earned', campaign: other })
    await database.sql.query('ANALYZE worker.intents, worker.outcomes')
    const pause = await begin({ scope, group: null, target })
    const setting = await plan((one) =>
      one.setAside({ pause, group: 'mailers', channel: 'email', class: 'live', ids: [], forMs: 3_600_000 }),
    )
    for (const node of setting) expect(touchedBy(node)).toBeLessThanOrEqual(2_001)
    expect(setting.map((node) => node['Node Type'])).not.toContain('Seq Scan')

    while ((await aside(pause)) > 0);
    const claiming = intentNodes(await plan((one) => one.claim(request({ limit: 20 }))))
    for (const node of claiming) expect(touchedBy(node)).toBeLessThanOrEqual(21)
    const waking = intentNodes(await plan((one) => one.wakePaused()))
    // The rows that were found are read by their ids, through the index itself or a bitmap of it.
    expect(waking.map((node) => node['Index Name'])).toContain('intents_paused')
    expect(waking.map((node) => node['Node Type'])).not.toContain('Seq Scan')
    for (const node of waking) expect(touchedBy(node)).toBeLessThanOrEqual(1)
    await database.sql.query('ANALYZE worker.intents')
    // An explained statement has no rows.
    const reading = intentNodes(await plan((_, sql) => readOrders(sql, ['mailers']).catch(() => undefined)))
    expect(reading.map((node) => node['Index Name'])).toEqual(['intents_paused'])
    for (const node of reading) expect(touchedBy(node)).toBeLessThanOrEqual(1)
    await createPauseAdmin(database).end({ scope, group: null, target }, 'ops')
    const ending = intentNodes(await plan((one) => one.wakePaused()))
    for (const node of ending) expect(touchedBy(node)).toBeLessThanOrEqual(1_000)
    expect(ending.map((node) => node['Node Type'])).not.toContain('Seq Scan')
  }, 120_000)
})
