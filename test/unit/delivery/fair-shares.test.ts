import { DeferredIntents } from '../../../src/delivery/deferred-intents.ts'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Performed } from '../../../src/delivery/channel.ts'
import { prepareEach, type IntentKind } from '../../../src/model/intent-kind.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { mailKind } from './delivery-fixture.ts'
import {
  accepted,
  classes,
  fixtureOf,
  hooks,
  mails,
  nobody,
  of,
  soon,
  stopWorkers,
  type Fixture,
  webhookKind,
} from './worker-pool-fixture.ts'

afterEach(stopWorkers)

describe('a campaign with its share of the workers', () => {
  it('is passed over while another has due work, however much older its own is', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...of('1', 50), ...of('2', 2))
    workers.start()
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['100', '101', '200', '201']))
    expect(store.claims.slice(0, 2).map(({ order, without, limit }) => ({ order, without, limit }))).toEqual([
      { order: classes, without: nobody, limit: 2 },
      { order: ['live'], without: { campaigns: ['1'], accounts: [], classes }, limit: 2 },
    ])
    // One of the others ends: there is no third, so its worker goes to the first campaign.
    sending.find(({ id }) => id === '200')?.end()
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['100', '101', '102', '200', '201']))
  })

  it.each([
    ['the broadcasts of others', 'broadcast', ['a', 'b'], [100, 500]],
    ['its own broadcast', 'broadcast', ['live'], [100, 500]],
    ['the broadcast of another campaign of its account', 'broadcast', ['same'], [100, 500]],
  ] as const)('leaves each tenth claim to %s, while its own live intents never run out', async (_, other, campaigns, [least, most]) => {
    const { store, workers, sending, flow } = fixtureOf({ poolSize: 10 })
    for (const campaign of ['live', 'same']) store.accounts.set(campaign, 'account')
    const live = mails(2_500, 10_000).map((intent) => ({ ...intent, campaignId: 'live' }))
    const others = mails(2_250, 50_000).map((intent, index) => ({
      ...intent,
      class: other,
      campaignId: campaigns[index % campaigns.length] ?? '',
    }))
    store.due.push(...others, ...live)
    flow()
    workers.start()
    await soon(() => expect(sending.length).toBeGreaterThan(2_000))
    const begun = sending.slice(0, 2_000).filter(({ id }) => Number(id) >= 50_000).length
    expect(begun).toBeGreaterThan(least)
    expect(begun).toBeLessThan(most)
    expect(store.released.length).toBeLessThan(200)
  })

  it('passes over a broadcast at its share for the broadcast of another', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...[...of('1', 50), ...of('2', 2)].map((intent) => ({ ...intent, class: 'broadcast' as const })))
    workers.start()
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['100', '101', '200', '201']))
    expect(store.released).toEqual([])
  })

  it('gives its own broadcast its turns also where the workers are slow', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { store, workers, sending } = fixtureOf({ poolSize: 10 })
      const others = mails(1_000, 50_000).map((intent) => ({ ...intent, class: 'broadcast' as const }))
      store.due.push(...[...mails(2_000, 10_000), ...others].map((intent) => ({ ...intent, campaignId: 'own' })))
      workers.start()
      for (let ended = 0; ended < 400; ended++) {
        await soon(() => expect(sending.length).toBeGreaterThan(ended))
        vi.advanceTimersByTime(100)
        sending[ended]?.end()
      }
      expect(sending.filter(({ id }) => Number(id) >= 50_000).length).toBeGreaterThan(10)
    } finally {
      vi.useRealTimers()
    }
  })

  it('does not have all of them for what was found before others wrote more', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...of('1', 50))
    const claim = store.claim.bind(store)
    let isWritten = false
    store.claim = async (request) => {
      const claimed = await claim(request)
      if (request.order.length > 1 || isWritten) return claimed
      isWritten = true
      store.due.push(...of('2', 2))
      workers.reserve().release(accepted({ intents: 2 }))
      return claimed
    }
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    expect(sending.map(({ id }) => id).toSorted()).toEqual(['100', '101', '200', '201'])
  })

  it('has all of them when nobody else has', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...of('1', 50))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
  })

  it('gives back what it may not begin, where that is all the process has room for and workers are free', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    const reservation = workers.reserve()
    reservation.release(accepted({ intents: 6, claimed: of('1', 6) }))
    store.due.push(...of('2', 2))
    workers.start()
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['100', '101', '200', '201']))
    expect(store.released.map(({ id }) => id)).toEqual(['102', '103', '104', '105'])
  })

  it('gives them back to the next who comes', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...of('1', 50))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    store.due.push(...of('2', 10))
    const reservation = workers.reserve()
    reservation.release(accepted({ intents: 10 }))
    const running = () => workers.running().map(({ intentId }) => intentId)
    for (let turn = 0; turn < 8; turn++) {
      const before = sending.length
      sending.find(({ id }) => running().includes(id) && id.startsWith('1'))?.end()
      await soon(() => expect(sending.length).toBeGreaterThan(before))
      if (running().filter((id) => id.startsWith('2')).length === 2) return
    }
    expect(running()).toEqual(['two of the second campaign'])
  })
})

/** Mails, each of a campaign of its own: the first `count` of one account, then two of another. */
function twoAccounts(fixture: Fixture, count: number): void {
  for (const intent of mails(count)) fixture.store.accounts.set(`a${intent.id}`, 'large')
  fixture.store.due.push(...mails(count).map((intent) => ({ ...intent, campaignId: `a${intent.id}` })))
  fixture.store.due.push(...mails(2, 100).map((intent) => ({ ...intent, campaignId: `b${intent.id}` })))
}
const begun = (fixture: Fixture) => fixture.sending.map(({ id }) => (Number(id) < 100 ? 'large' : 'other'))

describe('an account', () => {
  it('has no more than half of the workers by campaigns that are claimed for the first time', async () => {
    const fixture = fixtureOf({ poolSize: 10 })
    const { store, workers, sending } = fixture
    Object.assign(fixture.email, { deadlineMs: 600_000 })
    for (const id of ['k1', 'k2', 'k3', 'k4']) store.accounts.set(id, 'large')
    store.due.push(...['k1', 'k2', 'k3', 'k4'].map((campaignId, n) => sampleIntent({ id: String(50 + n), campaignId })))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    await soon(() => expect(workers.turns()).toBeGreaterThan(1))
    twoAccounts(fixture, 10)
    workers.reserve().release(accepted({ intents: 12 }))
    await soon(() => expect(begun(fixture).filter((whose) => whose === 'other')).toHaveLength(2))
  })

  it.each([
    ['a channel', [mailKind()]],
    ['two channels, of which none gets all workers', [mailKind(), webhookKind]],
  ])('with its share keeps no other from being claimed, on %s', async (_, kinds) => {
    const fixture = fixtureOf({ poolSize: 10, kinds })
    const { store, workers, sending, email } = fixture
    Object.assign(email, { deadlineMs: 600_000 })
    twoAccounts(fixture, 4)
    store.due.splice(4)
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    await soon(() => expect(workers.turns()).toBeGreaterThan(1))
    twoAccounts(fixture, 10)
    store.due.splice(0, 4)
    workers.reserve().release(accepted({ intents: 8 }))
    await soon(() => expect(begun(fixture).filter((whose) => whose === 'other')).toHaveLength(2))
    expect(store.released).toEqual([])
  })

  it('of intents that an accept claimed is known at the next claim, which passes it over', async () => {
    const { store, workers } = fixtureOf({ poolSize: 10, pollMs: 1 })
    const campaigns = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6']
    for (const id of campaigns) store.accounts.set(id, 'large')
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThan(0))
    const claimed = campaigns.map((campaignId, n) => sampleIntent({ id: String(50 + n), campaignId }))
    workers.reserve().release(accepted({ intents: 6, claimed }))
    await soon(() => expect(store.claims.map(({ without }) => without.accounts)).toContainEqual(['large']))
  })

  it('that cannot be read delays nothing but its own intents, by the time that it takes to fail', async () => {
    const fixture = fixtureOf({ poolSize: 10 })
    const { store, workers, sending } = fixture
    const read = Promise.withResolvers<never>()
    store.accountsOf = () => read.promise
    twoAccounts(fixture, 1)
    workers.start()
    await soon(() => expect(store.claims).toHaveLength(1))
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    expect(sending).toEqual([])
    read.reject(new SqlError('away', {}))
    await soon(() => expect(sending).toHaveLength(3))
  })
})

describe('an endpoint', () => {
  const kind: IntentKind<'webhook'> = { ...webhookKind, prepare: prepareEach(async () => ({ is: 'message', message: hook })) }
  const hook = { endpointId: 'e', url: '', secret: '', eventType: '', payload: {}, retryEnabled: true, maxRetries: 9 }
  function endpointFixture() {
    const fixture = fixtureOf({ poolSize: 10, kinds: [kind] })
    const delivering: { readonly id: string; readonly end: (performed: Performed) => void }[] = []
    const after: Performed[] = []
    fixture.webhook.perform = ({ id }) => {
      const [next] = after
      if (next !== undefined) return Promise.resolve(next)
      return new Promise((resolve) => delivering.push({ id, end: resolve }))
    }
    fixture.cleanups.push(() => {
      after.push(delivered)
      for (const one of delivering) one.end(delivered)
    })
    return { ...fixture, delivering, after }
  }
  const delivered: Performed = { is: 'done', state: 'delivered', reply: {} }
  const timeout: Performed = {
    is: 'retry',
    reason: 'timeout',
    countsAsAttempt: true,
    reply: {},
    outcomeSignal: { is: 'failure', reason: 'timeout' },
  }

  /** Starts the workers; the endpoint is known to be quick afterwards. */
  async function firstAnswer({ store, workers, delivering }: ReturnType<typeof endpointFixture>): Promise<void> {
    store.due.push(...hooks(1))
    workers.start()
    await soon(() => expect(delivering).toHaveLength(1))
    delivering[0]?.end(delivered)
    await soon(() => expect(store.settled).toHaveLength(1))
  }

  it('gets one until it has answered, then two at a time; the others are deferred, and claimed by their destination, all of them', async () => {
    const { store, workers, delivering, after } = endpointFixture()
    store.due.push(...hooks(12))
    workers.start()
    await soon(() => expect(store.deferred.size).toBe(11))
    expect(delivering.map(({ id }) => id)).toEqual(['1'])
    expect(store.settled.map(({ settlement }) => settlement)).toEqual(
      Array.from({ length: 11 }, () => ({
        is: 'deferred',
        destination: 'endpoint-1',
        reason: 'endpoint-busy',
        afterMs: expect.any(Number),
      })),
    )
    delivering[0]?.end(delivered)
    await soon(() => expect(delivering.map(({ id }) => id)).toEqual(['1', '2', '3']))
    // More than it has permits: they wait in the process, before newer ones.
    const wanted = store.claims.flatMap(({ deferred }) => deferred)
    expect(new Set(wanted.map(({ destination }) => destination))).toEqual(new Set(['endpoint-1']))
    expect(Math.max(...wanted.map(({ permits }) => permits))).toBeGreaterThan(2)
    after.push(delivered)
    for (const one of delivering) one.end(delivered)
    await soon(() => expect(store.settled.filter(({ settlement }) => settlement.is === 'final')).toHaveLength(12))
    // None was deferred twice: each that was claimed for a permit got it.
    expect(store.settled).toHaveLength(23)
  })

  it('that is quick gets two at a time, while others wait in the process without a worker; only those that are too many are deferred', async () => {
    const fixture = endpointFixture()
    const { store, workers, webhook, delivering, after } = fixture
    webhook.destinationOf = ({ url }) => url
    await firstAnswer(fixture)
    store.due.push(...hooks(8, 2))
    workers.reserve().release(accepted({ intents: 8 }))
    await soon(() => expect(delivering.map(({ id }) => id)).toEqual(['1', '2', '3']))
    await soon(() => expect(workers.running().map(({ intentId }) => intentId)).toEqual(['2', '3']))
    const reservation = workers.reserve()
    expect(reservation.reservation?.workers).toMatchObject([{ count: 8 }])
    reservation.release(null)
    delivering[1]?.end(delivered)
    await soon(() => expect(delivering.map(({ id }) => id)).toEqual(['1', '2', '3', '4']))
    expect(store.deferred.size).toBe(0)
    // Five wait, and about five more may: together twice as many as wait for a worker.
    store.due.push(...hooks(12, 10))
    workers.reserve().release(accepted({ intents: 12 }))
    await soon(() => expect(store.deferred.size).toBeGreaterThan(2))
    expect(store.settled.filter(({ settlement }) => settlement.is === 'deferred').map(({ intent }) => intent.id)).not.toContain('9')
    after.push(delivered)
    for (const one of delivering) one.end(delivered)
    await soon(() => expect(store.settled.filter(({ settlement }) => settlement.is === 'final')).toHaveLength(21))
  })

  it('that is quick has those deferred that come behind deferred ones', async () => {
    const fixture = endpointFixture()
    const { store, workers } = fixture
    const has = vi.spyOn(DeferredIntents.prototype, 'has').mockReturnValue(true)
    try {
      await firstAnswer(fixture)
      store.due.push(...hooks(3, 2))
      workers.reserve().release(accepted({ intents: 3 }))
      await soon(() => expect(store.settled.map(({ settlement }) => settlement.is)).toContain('deferred'))
    } finally {
      has.mockRestore()
    }
  })

  it('that is away is deferred without an attempt, and probed by one when its pause is over', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { store, workers, after, reported } = endpointFixture()
      after.push(timeout)
      store.due.push(...hooks(9))
      workers.start()
      await soon(() => expect(store.settled.length + reported('breaker').length).toBeGreaterThanOrEqual(10))
      const attempts = reported('started').length
      expect(attempts).toBeLessThanOrEqual(4)
      expect(store.deferred.size).toBe(9 - attempts)
      after.splice(0, 1, delivered)
      vi.advanceTimersByTime(5_000)
      workers.reserve().release(accepted({ intents: 1 }))
      await soon(() => expect(store.settled.filter(({ settlement }) => settlement.is === 'final')).toHaveLength(9 - attempts))
      expect(reported('breaker').map(({ state }) => state)).toEqual(['open', 'half-open', 'closed'])
    } finally {
      vi.useRealTimers()
    }
  })

  it('whose intents another process deferred is found by a look at the database', async () => {
    const { store, workers } = endpointFixture()
    store.deferredElsewhere = ['endpoint-9']
    workers.start()
    await soon(() => expect(store.claims[0]?.deferred).toEqual([{ destination: 'endpoint-9', permits: 1 }]))
  })

  it('sets its campaign back behind others for a while only', async () => {
    const { store, workers, delivering } = endpointFixture()
    store.due.push(...hooks(12).map((intent) => ({ ...intent, campaignId: 'dead' })))
    workers.start()
    await soon(() => expect(store.deferred.size).toBe(11))
    expect(delivering).toHaveLength(1)
    expect(store.claims.some(({ without }) => without.campaigns.includes('dead'))).toBe(true)
  })
})
