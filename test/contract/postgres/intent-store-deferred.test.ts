import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../../src/delivery/intent-store.ts'
import { createDeliveryFixture } from '../../unit/delivery/delivery-fixture.ts'
import { backlogPressure } from '../../../src/delivery/backlog-pressure.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { claimOne, endLeases, insertIntents, request, rowOf } from './intent-rows.ts'
import { Platform } from '../../support/platform.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { settleOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('DELETE FROM worker.intents'))

const hourAhead = () => new Date(Date.now() + 3_600_000)
const deferred = (key: string, destination: string, change: object = {}) => ({
  key,
  destination,
  reason: 'endpoint-busy',
  due_at: hourAhead(),
  ...change,
})
const campaign = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const keysOf = (intents: readonly { key: string }[]) => intents.map(({ key }) => key).toSorted()

describe('an intent without a permit', () => {
  it('is deferred without an attempt, waits from now on, and is not due before it is claimed by destination', async () => {
    const since = new Date(Date.now() - 60_000)
    await insertIntents(database.sql, { key: 'k', waiting_since: since })
    const intent = await claimOne(store)
    const settlement = { is: 'deferred', destination: 'e1', reason: 'endpoint-open', afterMs: 3_600_000 } as const
    expect(await settleOne(store, intent, settlement, { deliveryLog: null, reply: {} })).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({
      state: 'pending',
      reason: 'endpoint-open',
      destination: 'e1',
      attempt: 0,
      owner: null,
    })
    expect((await rowOf(database.sql, 'k')).waiting_since?.getTime()).toBeGreaterThan(since.getTime() + 30_000)
    expect(await store.claim(request())).toEqual([])
    expect(await store.claim(request({ deferred: [{ destination: 'e2', permits: 2 }] }))).toEqual([])
    const again = await claimOne(store, { deferred: [{ destination: 'e1', permits: 2 }] })
    expect(again).toMatchObject({ key: 'k', destination: 'e1', reason: null })
  })

  it('is due like any other from its claim on: an expired lease or a release does not defer it for an hour', async () => {
    await insertIntents(database.sql, deferred('k', 'e1'))
    await claimOne(store, { deferred: [{ destination: 'e1', permits: 1 }] })
    await endLeases(database.sql)
    await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
    const again = await claimOne(store)
    await store.release([again.claim])
    expect(await claimOne(store)).toMatchObject({ key: 'k' })
  })

  it('that is not claimed by destination is finally due', async () => {
    await insertIntents(database.sql, deferred('k', 'e1', { due_at: new Date() }))
    expect(await claimOne(store)).toMatchObject({ reason: null })
  })
})

describe('claim by destination', () => {
  it('takes as many as there are permits, live before others and the oldest first, and leaves room for due intents', async () => {
    await insertIntents(
      database.sql,
      deferred('replay', 'e1', { class: 'replay' }),
      deferred('e1 first', 'e1'),
      deferred('e1 second', 'e1', { reason: 'endpoint-open' }),
      deferred('e1 third', 'e1'),
      deferred('e2', 'e2'),
      deferred('e3', 'e3'),
      { key: 'due' },
    )
    const permits = [
      { destination: 'e1', permits: 2 },
      { destination: 'e2', permits: 1 },
    ]
    expect(keysOf(await store.claim(request({ limit: 4, deferred: permits })))).toEqual(['due', 'e1 first', 'e1 second', 'e2'])
    expect(keysOf(await store.claim(request({ limit: 1, deferred: permits })))).toEqual(['e1 third'])
    expect(keysOf(await store.claim(request({ deferred: permits })))).toEqual(['replay'])
  })

  it('takes none of a replay while a live one is due, although its destination has a permit', async () => {
    await insertIntents(database.sql, deferred('replay', 'e1', { class: 'replay' }), { key: 'live 1' }, { key: 'live 2' })
    const permits = [{ destination: 'e1', permits: 1 }]
    expect(keysOf(await store.claim(request({ limit: 2, deferred: permits })))).toEqual(['live 1', 'live 2'])
    expect(await store.claim(request({ replays: 0, deferred: permits }))).toEqual([])
    expect(keysOf(await store.claim(request({ deferred: permits })))).toEqual(['replay'])
  })

  it('takes no more of replays than it may, deferred and due ones together', async () => {
    await insertIntents(
      database.sql,
      ...['e1', 'e1', 'e2', 'e3'].map((destination, n) => deferred(`replay ${n}`, destination, { class: 'replay' })),
      deferred('broadcast', 'e4', { class: 'broadcast' }),
      { key: 'due replay', class: 'replay' },
    )
    const permits = ['e1', 'e2', 'e3', 'e4'].map((destination) => ({ destination, permits: 2 }))
    const claim = async (replays: number) => keysOf(await store.claim(request({ replays, deferred: permits })))
    expect((await claim(2)).toSorted()).toEqual(['broadcast', 'replay 0', 'replay 1'])
    expect((await claim(3)).toSorted()).toEqual(['due replay', 'replay 2', 'replay 3'])
  })

  it('leaves the rest of a claim to due intents, and takes it if there are none', async () => {
    await insertIntents(
      database.sql,
      ...Array.from({ length: 8 }, (_, n) => deferred(`deferred ${n}`, `e${n}`)),
      ...Array.from({ length: 4 }, (_, n) => ({ key: `due ${n}` })),
      { key: 'broadcast', class: 'broadcast' },
    )
    const permits = Array.from({ length: 8 }, (_, n) => ({ destination: `e${n}`, permits: 1 }))
    const claim = async (limit: number, deferredShare: number) =>
      keysOf(await store.claim(request({ limit, deferredShare, deferred: permits })))
    expect(await claim(4, 2)).toEqual(['deferred 0', 'deferred 1', 'due 0', 'due 1'])
    expect(await claim(1, 0)).toEqual(['due 2'])
    expect(await claim(1, 1)).toEqual(['deferred 2'])
    expect(await claim(4, 1)).toEqual(['broadcast', 'deferred 3', 'deferred 4', 'due 3'])
    expect(await claim(4, 0)).toEqual(['deferred 5', 'deferred 6', 'deferred 7'])
  })

  it('gives no row to two claimers, and takes only its group, channel and kinds', async () => {
    await insertIntents(
      database.sql,
      ...Array.from({ length: 40 }, (_, n) => deferred(`k${n}`, `e${n % 4}`)),
      deferred('group', 'e1', { group_name: 'others' }),
      deferred('channel', 'e1', { channel: 'webhook' }),
      deferred('kind', 'e1', { kind: 'letter' }),
    )
    const permits = Array.from({ length: 4 }, (_, n) => ({ destination: `e${n}`, permits: 10 }))
    const claims = await Promise.all(Array.from({ length: 5 }, (_, n) => store.claim(request({ owner: `w${n}`, deferred: permits }))))
    const rest = await store.claim(request({ deferred: permits }))
    const taken = keysOf([...claims.flat(), ...rest])
    expect(taken).toHaveLength(40)
    expect(new Set(taken).size).toBe(40)
  })
})

describe('campaigns that have used their share', () => {
  it('are skipped, deferred intents too; the claim returns less than its limit', async () => {
    await insertIntents(
      database.sql,
      { key: 'a1', campaign_id: campaign(1) },
      { key: 'a2', campaign_id: campaign(1) },
      { key: 'b', campaign_id: campaign(2) },
      deferred('a deferred', 'e1', { campaign_id: campaign(1) }),
      { key: 'a broadcast', campaign_id: campaign(1), class: 'broadcast' },
      { key: 'c broadcast', campaign_id: campaign(3), class: 'broadcast' },
    )
    const permits = [{ destination: 'e1', permits: 2 }]
    const without = { campaigns: [campaign(1)], accounts: [], classes: ['live', 'broadcast', 'replay'] as const }
    expect(keysOf(await store.claim(request({ limit: 3, without, deferred: permits })))).toEqual(['b', 'c broadcast'])
    expect(keysOf(await store.claim(request({ deferred: permits })))).toEqual(['a broadcast', 'a deferred', 'a1', 'a2'])
  })
})

describe('accounts that have used their share', () => {
  it('are skipped with all their campaigns, deferred intents too, and each campaign names its account', async () => {
    const platform = new Platform(database.sql)
    const [one, other, third] = [await platform.campaign(), await platform.campaign(), await platform.campaign()]
    await database.sql.query('UPDATE campaigns SET account_id = $1 WHERE id = $2', [one.accountId, other.campaignId])
    await insertIntents(
      database.sql,
      { key: 'one', campaign_id: one.campaignId },
      { key: 'other of the same', campaign_id: other.campaignId },
      deferred('deferred of the same', 'e1', { campaign_id: other.campaignId }),
      { key: 'third', campaign_id: third.campaignId },
      { key: 'of a campaign that is gone', campaign_id: campaign(9) },
    )
    const without = { campaigns: [], accounts: [one.accountId], classes: ['live', 'broadcast', 'replay'] as const }
    const permits = [{ destination: 'e1', permits: 2 }]
    expect(keysOf(await store.claim(request({ without, deferred: permits })))).toEqual(['of a campaign that is gone', 'third'])
    expect(await store.accountsOf([one.campaignId, other.campaignId, campaign(9)])).toEqual(
      new Map([
        [one.campaignId, one.accountId],
        [other.campaignId, one.accountId],
      ]),
    )
    expect(keysOf(await store.claim(request({ deferred: permits })))).toEqual(['deferred of the same', 'one', 'other of the same'])
  })
})

describe('a deferred intent', () => {
  it('is found by its destination, in pages', async () => {
    await insertIntents(database.sql, deferred('1', 'b'), deferred('2', 'a'), deferred('3', 'a'), deferred('4', 'c'), {
      key: 'due',
      destination: 'd',
    })
    expect(await store.deferredDestinations('mailers', 'email', '', 2)).toEqual(['a', 'b'])
    expect(await store.deferredDestinations('mailers', 'email', 'b', 2)).toEqual(['c'])
    expect(await store.deferredDestinations('mailers', 'webhook', '', 2)).toEqual([])
  })

  it('does not count for backpressure', async () => {
    await database.sql.query(
      `INSERT INTO worker.intents (group_name, kind, version, channel, key, due_at, campaign_id, destination, reason)
       SELECT 'mailers', 'mail', 1, 'webhook', 'k' || n, now() + interval '1 day', gen_random_uuid(), 'e' || n % 2, 'endpoint-open'
         FROM generate_series(1, 25000) AS n`,
    )
    expect(await backlogPressure(store, { group: 'mailers', poolSize: 1, channels: [createDeliveryFixture().webhook] })(false)).toBeNull()
    expect(await store.countDue('mailers', channelNames, 100)).toBe(0)
    expect(await store.oldestDueMs('mailers', 'webhook')).toBeNull()
    expect(await store.backlog('mailers', 100_000)).toEqual([{ channel: 'webhook', state: 'deferred', count: 25_000 }])
  })
})
