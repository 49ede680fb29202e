import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../../src/delivery/intent-store.ts'
import { duePressure } from '../../../src/delivery/backlog-pressure.ts'
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
const parked = (key: string, destination: string, change: object = {}) => ({
  key,
  destination,
  reason: 'endpoint-busy',
  due_at: hourAhead(),
  ...change,
})
const campaign = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const keysOf = (intents: readonly { key: string }[]) => intents.map(({ key }) => key).toSorted()

describe('an intent without a place', () => {
  it('is put back without an attempt, waits from now on, and is not due before it is asked for', async () => {
    const since = new Date(Date.now() - 60_000)
    await insertIntents(database.sql, { key: 'k', waiting_since: since })
    const intent = await claimOne(store)
    const settlement = { is: 'parked', destination: 'e1', reason: 'endpoint-open', afterMs: 3_600_000 } as const
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
    expect(await store.claim(request({ parked: [{ destination: 'e2', places: 2 }] }))).toEqual([])
    const again = await claimOne(store, { parked: [{ destination: 'e1', places: 2 }] })
    expect(again).toMatchObject({ key: 'k', destination: 'e1', reason: null })
  })

  it('is due like any other from its claim on: a lease that ends, or a release, does not send it back for an hour', async () => {
    await insertIntents(database.sql, parked('k', 'e1'))
    await claimOne(store, { parked: [{ destination: 'e1', places: 1 }] })
    await endLeases(database.sql)
    await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
    const again = await claimOne(store)
    await store.release([again.claim])
    expect(await claimOne(store)).toMatchObject({ key: 'k' })
  })

  it('that nobody asks for is due in the end', async () => {
    await insertIntents(database.sql, parked('k', 'e1', { due_at: new Date() }))
    expect(await claimOne(store)).toMatchObject({ reason: null })
  })
})

describe('claim by destination', () => {
  it('takes as many as there are places, live before others and the oldest first, and leaves room for what is due', async () => {
    await insertIntents(
      database.sql,
      parked('replay', 'e1', { class: 'replay' }),
      parked('e1 first', 'e1'),
      parked('e1 second', 'e1', { reason: 'endpoint-open' }),
      parked('e1 third', 'e1'),
      parked('e2', 'e2'),
      parked('e3', 'e3'),
      { key: 'due' },
    )
    const places = [
      { destination: 'e1', places: 2 },
      { destination: 'e2', places: 1 },
    ]
    expect(keysOf(await store.claim(request({ limit: 4, parked: places })))).toEqual(['due', 'e1 first', 'e1 second', 'e2'])
    expect(keysOf(await store.claim(request({ limit: 1, parked: places })))).toEqual(['e1 third'])
    expect(keysOf(await store.claim(request({ parked: places })))).toEqual(['replay'])
  })

  it('leaves the rest of a claim to what is due, and takes it where nothing else is', async () => {
    await insertIntents(
      database.sql,
      ...Array.from({ length: 8 }, (_, n) => parked(`parked ${n}`, `e${n}`)),
      ...Array.from({ length: 4 }, (_, n) => ({ key: `due ${n}` })),
      { key: 'broadcast', class: 'broadcast' },
    )
    const places = Array.from({ length: 8 }, (_, n) => ({ destination: `e${n}`, places: 1 }))
    const claim = async (limit: number, parkedShare: number) => keysOf(await store.claim(request({ limit, parkedShare, parked: places })))
    expect(await claim(4, 2)).toEqual(['due 0', 'due 1', 'parked 0', 'parked 1'])
    expect(await claim(1, 0)).toEqual(['due 2'])
    expect(await claim(1, 1)).toEqual(['parked 2'])
    expect(await claim(4, 1)).toEqual(['broadcast', 'due 3', 'parked 3', 'parked 4'])
    expect(await claim(4, 0)).toEqual(['parked 5', 'parked 6', 'parked 7'])
  })

  it('gives no row to two claimers, and knows its group, channel and kinds', async () => {
    await insertIntents(
      database.sql,
      ...Array.from({ length: 40 }, (_, n) => parked(`k${n}`, `e${n % 4}`)),
      parked('group', 'e1', { group_name: 'others' }),
      parked('channel', 'e1', { channel: 'webhook' }),
      parked('kind', 'e1', { kind: 'letter' }),
    )
    const places = Array.from({ length: 4 }, (_, n) => ({ destination: `e${n}`, places: 10 }))
    const claims = await Promise.all(Array.from({ length: 5 }, (_, n) => store.claim(request({ owner: `w${n}`, parked: places }))))
    const rest = await store.claim(request({ parked: places }))
    const taken = keysOf([...claims.flat(), ...rest])
    expect(taken).toHaveLength(40)
    expect(new Set(taken).size).toBe(40)
  })
})

describe('campaigns that have their share', () => {
  it('are passed over, parked ones too; what is left is short of the limit', async () => {
    await insertIntents(
      database.sql,
      { key: 'a1', campaign_id: campaign(1) },
      { key: 'a2', campaign_id: campaign(1) },
      { key: 'b', campaign_id: campaign(2) },
      parked('a parked', 'e1', { campaign_id: campaign(1) }),
      { key: 'a broadcast', campaign_id: campaign(1), class: 'broadcast' },
      { key: 'c broadcast', campaign_id: campaign(3), class: 'broadcast' },
    )
    const places = [{ destination: 'e1', places: 2 }]
    expect(keysOf(await store.claim(request({ limit: 3, without: { campaigns: [campaign(1)], accounts: [] }, parked: places })))).toEqual([
      'b',
      'c broadcast',
    ])
    expect(keysOf(await store.claim(request({ parked: places })))).toEqual(['a broadcast', 'a parked', 'a1', 'a2'])
  })
})

describe('accounts that have their share', () => {
  it('are passed over with all their campaigns, parked ones too, and each campaign says whose it is', async () => {
    const platform = new Platform(database.sql)
    const [one, other, third] = [await platform.campaign(), await platform.campaign(), await platform.campaign()]
    await database.sql.query('UPDATE campaigns SET account_id = $1 WHERE id = $2', [one.accountId, other.campaignId])
    await insertIntents(
      database.sql,
      { key: 'one', campaign_id: one.campaignId },
      { key: 'other of the same', campaign_id: other.campaignId },
      parked('parked of the same', 'e1', { campaign_id: other.campaignId }),
      { key: 'third', campaign_id: third.campaignId },
      { key: 'of a campaign that is gone', campaign_id: campaign(9) },
    )
    const without = { campaigns: [], accounts: [one.accountId] }
    const places = [{ destination: 'e1', places: 2 }]
    expect(keysOf(await store.claim(request({ without, parked: places })))).toEqual(['of a campaign that is gone', 'third'])
    expect(await store.accountsOf([one.campaignId, other.campaignId, campaign(9)])).toEqual(
      new Map([
        [one.campaignId, one.accountId],
        [other.campaignId, one.accountId],
      ]),
    )
    expect(keysOf(await store.claim(request({ parked: places })))).toEqual(['one', 'other of the same', 'parked of the same'])
  })
})

describe('what is parked', () => {
  it('is found by its destinations, in pages', async () => {
    await insertIntents(database.sql, parked('1', 'b'), parked('2', 'a'), parked('3', 'a'), parked('4', 'c'), {
      key: 'due',
      destination: 'd',
    })
    expect(await store.parkedDestinations('mailers', 'email', '', 2)).toEqual(['a', 'b'])
    expect(await store.parkedDestinations('mailers', 'email', 'b', 2)).toEqual(['c'])
    expect(await store.parkedDestinations('mailers', 'webhook', '', 2)).toEqual([])
  })

  it('does not press back, however much it is', async () => {
    await database.sql.query(
      `INSERT INTO worker.intents (group_name, kind, version, channel, key, due_at, campaign_id, destination, reason)
       SELECT 'mailers', 'mail', 1, 'webhook', 'k' || n, now() + interval '1 day', gen_random_uuid(), 'e' || n % 2, 'endpoint-open'
         FROM generate_series(1, 25000) AS n`,
    )
    expect(await duePressure(store, { group: 'mailers', poolSize: 1 })(false)).toBeNull()
    expect(await store.countDue('mailers', 100)).toBe(0)
    expect(await store.oldestDueMs('mailers')).toBeNull()
    expect(await store.backlog('mailers', 100_000)).toEqual([{ channel: 'webhook', state: 'parked', count: 25_000 }])
  })
})
