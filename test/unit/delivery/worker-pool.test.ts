import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Unavailable, type Performed } from '../../../src/delivery/channel.ts'
import type { TransactionChannel } from '../../../src/delivery/transaction-channel.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { createIntentWorkers, type IntentWorkers } from '../../../src/delivery/worker-pool.ts'
import { prepareEach, type IntentKind } from '../../../src/model/intent-kind.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, mailKind, sent, type DeliveryFixture } from './delivery-fixture.ts'

/** Far longer than any test: what happens here happens because somebody was woken, not because of a poll. */
const NO_POLL_MS = 600_000

const soon = <Result>(look: () => Result) => vi.waitFor(look, { interval: 1, timeout: 5_000 })
const mails = (count: number, from = 1): Intent[] => Array.from({ length: count }, (_, n) => sampleIntent({ id: String(from + n) }))

const classes = ['live', 'broadcast', 'replay'] as const
const nobody = { campaigns: [], accounts: [], classes: [] }
/** Mails of one campaign. */
const of = (campaignId: string, count: number) => mails(count, Number(campaignId) * 100).map((intent) => ({ ...intent, campaignId }))
/** Webhooks to one endpoint, each of a campaign of its own. */
const hooks = (count: number, from = 1) =>
  mails(count, from).map((intent) => ({ ...intent, channel: 'webhook' as const, kind: 'reward', campaignId: `c${intent.id}` }))

const webhookKind: IntentKind<'webhook'> = {
  kind: 'reward',
  version: 1,
  channel: 'webhook',
  prepare: prepareEach(async () => ({ is: 'skip', reason: 'test' })),
}

const broadcastKind: IntentKind<'broadcast'> = {
  kind: 'milestone-broadcast',
  version: 1,
  channel: 'broadcast',
  prepare: async () => [{ is: 'message', message: { page: async () => ({ drafts: [], cursor: null }) } }],
}

interface Fixture extends DeliveryFixture {
  readonly workers: IntentWorkers
  /** Sends under way, each with its end in the test's hand. */
  readonly sending: { readonly id: string; readonly end: (performed?: Performed) => void }[]
  /** Ends sends as they come, from now on. */
  readonly flow: () => void
  /** Called before the workers are stopped. */
  readonly cleanups: (() => void)[]
}

const fixtures: Fixture[] = []
afterEach(async () => {
  for (const fixture of fixtures) {
    fixture.flow()
    for (const cleanup of fixture.cleanups) cleanup()
  }
  await Promise.all(fixtures.splice(0).map(({ workers }) => workers.stop()))
})

function fixtureOf(options: { poolSize?: number; pollMs?: number; kinds?: Parameters<typeof createDeliveryFixture>[0] } = {}): Fixture {
  const jumping = createAutoAdvancingClock()
  // Others have their turn meanwhile: an end is tried again for as long as the store is away.
  const clock = { ...jumping, sleep: (ms: number, signal?: AbortSignal) => setImmediate().then(() => jumping.sleep(ms, signal)) }
  const fixture = createDeliveryFixture(options.kinds ?? [mailKind()], { clock })
  const sending: Fixture['sending'] = []
  let flowing = false
  fixture.email.perform = ({ id }, _frozen, _message, _slot, signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ is: 'ambiguous', reason: 'cut-off', reply: {} }))
      sending.push({ id, end: (performed = sent) => resolve(performed) })
      if (flowing) resolve(sent)
    })
  const workers = createIntentWorkers({
    group: 'test-workers',
    executor: fixture.executor,
    poolSize: options.poolSize ?? 4,
    owner: 'me',
    pollMs: options.pollMs ?? NO_POLL_MS,
  })
  const whole: Fixture = {
    ...fixture,
    workers,
    sending,
    cleanups: [],
    flow() {
      flowing = true
      for (const one of sending) one.end()
    },
  }
  fixtures.push(whole)
  return whole
}

function accepted(change: { intents?: number; claimed?: readonly Intent[] }): { intents: number; claimed: readonly Intent[] } {
  return { intents: 0, claimed: [], ...change }
}

describe('claiming', () => {
  it('takes as many as there are workers, and half as many again ahead', async () => {
    const { store, workers, sending } = fixtureOf()
    store.due.push(...mails(20))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    expect(workers.running().map(({ intentId, channel, kind }) => `${channel} ${kind} ${intentId}`)).toEqual([
      'email mail 1',
      'email mail 2',
      'email mail 3',
      'email mail 4',
    ])
    expect(store.claims.slice(0, 1)).toEqual([
      {
        group: 'test-workers',
        channel: 'email',
        kinds: [{ kind: 'mail', version: 1 }],
        owner: 'me:test-workers:1',
        limit: 2,
        leaseMs: 2_000,
        order: classes,
        without: nobody,
        deferred: [],
        deferredShare: 1,
      },
    ])
    expect(store.due).toHaveLength(14)
  })

  it('gives each claim a new name, because a database that went back in time gives ids and counts of claims out again', async () => {
    const { store, workers, flow } = fixtureOf()
    store.due.push(...mails(50))
    flow()
    workers.start()
    await soon(() => expect(store.due).toHaveLength(0))
    const owners = store.claims.map(({ owner }) => owner)
    expect(owners.length).toBeGreaterThan(3)
    expect(new Set(owners).size).toBe(owners.length)
  })

  it('goes on without a poll while claims come back full', async () => {
    const { store, workers, flow } = fixtureOf()
    store.due.push(...mails(50))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(50))
    expect(store.claims.at(-1)?.limit).toBeLessThanOrEqual(6)
  })

  it('takes blocks while the workers are quick, none of them filled by what one campaign may hold, and no row waits for another poll', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { store, workers, flow } = fixtureOf({ poolSize: 10, kinds: [mailKind(), broadcastKind] })
      store.due.push(...mails(600).map((intent, n) => ({ ...intent, campaignId: `c${n % 6}` })))
      flow()
      workers.start()
      await soon(() => expect(store.settled).toHaveLength(600))
      // Two and a half of a hundred mails pay for a query of each channel at most, once the workers are known to be quick.
      expect(store.claims.length).toBeLessThan(75)
      expect(Math.max(...store.claims.map(({ limit }) => limit))).toBe(16)
      expect(store.released).toEqual([])
    } finally {
      vi.useRealTimers()
    }
  })

  it('takes no blocks while intents are only given back, however quickly', async () => {
    const { store, workers, email } = fixtureOf({ pollMs: 1 })
    email.acquire = () => Promise.reject(new Unavailable('no-connection', null))
    store.due.push(...mails(200))
    workers.start()
    await soon(() => expect(store.released).toHaveLength(200))
    expect(Math.max(...store.claims.map(({ limit }) => limit))).toBe(2)
  })

  it('gives back in one statement what waits because the workers have become slow, and keeps half as many as there are workers', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { store, workers, sending } = fixtureOf({ poolSize: 4, pollMs: 1 })
      const release = vi.spyOn(store, 'release')
      const every = mails(300).map((intent, n) => ({ ...intent, campaignId: `c${n % 6}` }))
      store.due.push(...every)
      workers.start()
      await soon(() => {
        for (const one of sending.slice(0, 100)) one.end()
        expect(sending).toHaveLength(104)
      })
      await soon(() => expect(store.due.length).toBeLessThan(300 - 104 - 8))
      expect(release).not.toHaveBeenCalled()
      const waiting = 300 - 104 - store.due.length
      vi.advanceTimersByTime(1_001)
      await soon(() => expect(release).toHaveBeenCalledTimes(1))
      expect(store.released).toHaveLength(waiting - 2)
    } finally {
      vi.useRealTimers()
    }
  })

  it('gives back what has waited for a worker for so long that its lease might end before it has gone out', async () => {
    const { store, workers, sending, email } = fixtureOf({ poolSize: 2 })
    Object.assign(email, { deadlineMs: 40 })
    store.due.push(...mails(3))
    workers.start()
    // The two are cut off at their deadline; the third has waited as long by then.
    await soon(() => expect(store.settled).toHaveLength(2))
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['3']))
    expect(sending.map(({ id }) => id)).toEqual(['1', '2'])
  })

  it.each([1, 2, 3, 10])('does so with %i workers', async (poolSize) => {
    const { store, workers, flow } = fixtureOf({ poolSize })
    store.due.push(...mails(50))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(50))
  })

  it('goes on so although a second channel finds no worker free, also when the claims before came back short', async () => {
    const { store, workers, flow } = fixtureOf({ kinds: [mailKind(), webhookKind] })
    workers.start()
    await soon(() => expect(store.claims).toHaveLength(2))
    store.due.push(...mails(50))
    const desk = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    desk.release(accepted({ intents: 50 }))
    // A quarter of the workers is left to the other channel.
    await soon(() => expect(workers.running()).toHaveLength(3))
    flow()
    await soon(() => expect(store.settled).toHaveLength(50))
  })

  it('asks every channel for what is left of the room', async () => {
    const { store, workers } = fixtureOf({ kinds: [mailKind(), webhookKind] })
    store.due.push(...mails(2), sampleIntent({ id: '3', channel: 'webhook', kind: 'reward' }))
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(1))
    expect(store.claims.slice(0, 2).map(({ channel, limit }) => [channel, limit])).toEqual([
      ['email', 2],
      ['webhook', 2],
    ])
  })

  it('begins each round with another channel, so that none is kept out by work that never runs out', async () => {
    const { store, workers, flow } = fixtureOf({ kinds: [mailKind(), webhookKind] })
    store.due.push(...mails(500), sampleIntent({ id: '999', channel: 'webhook', kind: 'reward' }))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(501))
    expect(store.claims.slice(0, 2).map(({ channel }) => channel)).toEqual(['email', 'webhook'])
  })

  it('goes on at once after a step of a broadcast, which may have written more', async () => {
    const { store, workers, executor, flow, sending } = fixtureOf({ kinds: [mailKind(), broadcastKind] })
    const run: TransactionChannel<unknown>['run'] = async () => {
      store.due.push(...mails(20))
      return { is: 'ran', outcome: 'waiting', reason: 'next-page' }
    }
    Object.assign(executor.channels.broadcast, { run })
    store.due.push(sampleIntent({ id: '999', channel: 'broadcast', kind: 'milestone-broadcast', class: 'broadcast' }))
    flow()
    workers.start()
    await soon(() => expect(sending).toHaveLength(20))
  })

  it('begins one claim in ten of each channel with broadcasts', async () => {
    const { store, workers } = fixtureOf({ pollMs: 0, kinds: [mailKind(), webhookKind] })
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThanOrEqual(60))
    for (const channel of ['email', 'webhook']) {
      const first = store.claims.filter((claim) => claim.channel === channel).map((claim) => claim.order[0])
      expect(first.slice(0, 29).flatMap((one, index) => (one === 'broadcast' ? [index + 1] : []))).toEqual([10, 20])
    }
  })

  it('begins one claim in ten with broadcasts and one in forty with replays', async () => {
    const { store, workers } = fixtureOf({ pollMs: 0 })
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThanOrEqual(40))
    const first = store.claims.slice(0, 40).map((claim, index) => [index + 1, claim.order[0]] as const)
    expect(first.filter(([, one]) => one === 'broadcast').map(([n]) => n)).toEqual([10, 20, 30])
    expect(first.filter(([, one]) => one === 'replay').map(([n]) => n)).toEqual([40])
  })

  it('that fails is tried again with the next poll, and is reported once', async () => {
    const { store, workers, sending, facts } = fixtureOf({ pollMs: 1 })
    store.away = new SqlError('away', {})
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThan(2))
    expect(facts).toEqual([])
    store.away = null
    await soon(() => expect(sending).toHaveLength(1))
  })
})

describe('quiet', () => {
  it('claims nothing and is handed nothing, finishes what is claimed, and goes on without a poll when it is over', async () => {
    const { store, workers, sending, flow } = fixtureOf()
    store.due.push(...mails(2))
    workers.start()
    await soon(() => expect(sending).toHaveLength(2))
    const offered = () => {
      const desk = workers.reserve()
      desk.release(null)
      return desk.reservation !== null
    }
    await soon(() => expect(offered()).toBe(true))
    workers.quiet(true)
    expect(offered()).toBe(false)
    store.due.push(...mails(3, 10))
    flow()
    await soon(() => expect(workers.running()).toEqual([]))
    expect(store.due).toHaveLength(3)
    workers.quiet(false)
    await soon(() => expect(sending).toHaveLength(5))
    expect(store.due).toEqual([])
  })

  it('leaves the loop turning, as being busy does; only before the start and behind a stop it need not', async () => {
    const { workers } = fixtureOf({ pollMs: 1 })
    expect(workers.turns()).toBeNull()
    workers.start()
    for (const quiet of [false, true]) {
      workers.quiet(quiet)
      const before = workers.turns() ?? 0
      await soon(() => expect(workers.turns()).toBeGreaterThan(before + 3))
    }
    await workers.stop()
    expect(workers.turns()).toBeNull()
  })

  it('stops turning when a claim never returns, which shows the fault', async () => {
    const { store, workers } = fixtureOf({ pollMs: 1 })
    const stuck = Promise.withResolvers<[]>()
    const claim = store.claim.bind(store)
    store.claim = () => stuck.promise
    workers.start()
    const turns = workers.turns()
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    expect(workers.turns()).toBe(turns)
    store.claim = claim
    stuck.resolve([])
    await soon(() => expect(workers.turns()).toBeGreaterThan((turns ?? 0) + 3))
  })
})

describe('a reservation', () => {
  it('happens only after a claim came back short, one per free worker', async () => {
    const { store, workers, sending } = fixtureOf()
    expect(workers.reserve().reservation).toBeNull()
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
    const desk = workers.reserve()
    expect(desk.reservation).toEqual({
      owner: expect.stringMatching(/^me:test-workers:\d+$/),
      workers: [{ channel: 'email', count: 3, leaseMs: 2_000, share: 2, held: new Map([[mails(1)[0]?.campaignId, 1]]) }],
    })
    expect(workers.reserve().reservation).toBeNull()
    desk.release(accepted({ intents: 2, claimed: mails(2, 10) }))
    await soon(() => expect(sending.map(({ id }) => id)).toEqual(['1', '10', '11']))
    const left = workers.reserve()
    expect(left.reservation?.workers).toMatchObject([{ count: 1 }])
    expect(store.claims).toHaveLength(1)
    left.release(null)
  })

  it('never happens while older work waits', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 2 })
    store.due.push(...mails(20))
    workers.start()
    await soon(() => expect(sending).toHaveLength(2))
    expect(workers.reserve().reservation).toBeNull()
  })

  it('frees its workers when the accept wrote nothing', async () => {
    const { store, workers } = fixtureOf()
    workers.start()
    await soon(() => expect(store.claims).toHaveLength(1))
    const desk = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    desk.release(null)
    const again = workers.reserve()
    expect(again.reservation?.workers).toMatchObject([{ count: 4 }])
    again.release(null)
  })

  it('does not happen while what an earlier accept has written waits in the database', async () => {
    const { store, workers } = fixtureOf()
    workers.start()
    const desk = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    store.away = new SqlError('away', {})
    desk.release(accepted({ intents: 1 }))
    expect(workers.reserve().reservation).toBeNull()
  })

  it('wakes the workers for what was accepted beyond it', async () => {
    const { store, workers, sending } = fixtureOf()
    workers.start()
    const desk = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    store.due.push(...mails(2, 10))
    desk.release(accepted({ intents: 3, claimed: mails(1) }))
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['1', '10', '11']))
  })
})

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

  it('leaves only each tenth claim to the broadcast of another, while its own live intents never run out', async () => {
    const { store, workers, sending, flow } = fixtureOf({ poolSize: 10 })
    const live = mails(2_000, 1_000).map((intent) => ({ ...intent, campaignId: 'live' }))
    const others = mails(500, 5_000).map((intent) => ({ ...intent, class: 'broadcast' as const, campaignId: `c${Number(intent.id) % 2}` }))
    store.due.push(...others, ...live)
    flow()
    workers.start()
    await soon(() => expect(sending.length).toBeGreaterThan(1_000))
    const ofBroadcasts = sending.slice(0, 1_000).filter(({ id }) => Number(id) >= 5_000).length
    expect(ofBroadcasts).toBeGreaterThan(50)
    expect(ofBroadcasts).toBeLessThan(200)
    expect(store.released.length).toBeLessThan(100)
  })

  it('passes over a broadcast at its share for the broadcast of another', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...[...of('1', 50), ...of('2', 2)].map((intent) => ({ ...intent, class: 'broadcast' as const })))
    workers.start()
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['100', '101', '200', '201']))
  })

  it('has all of them when nobody else has', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    store.due.push(...of('1', 50))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
  })

  it('gives back what it may not begin, where that is all the process has room for and workers are free', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    const desk = workers.reserve()
    desk.release(accepted({ intents: 6, claimed: of('1', 6) }))
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
    const desk = workers.reserve()
    desk.release(accepted({ intents: 10 }))
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

  it('of what an accept hands over is known at the next claim, which passes it over', async () => {
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
    expect(store.claims.at(-1)?.deferred.map(({ destination }) => destination)).toEqual(['endpoint-1'])
    after.push(delivered)
    for (const one of delivering) one.end(delivered)
    await soon(() => expect(store.settled.filter(({ settlement }) => settlement.is === 'final')).toHaveLength(12))
    // None was deferred twice: who was claimed for a place had one.
    expect(store.settled).toHaveLength(23)
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

describe('a relay that is away', () => {
  afterEach(() => vi.useRealTimers())

  it('closes its channel for as long as it said, gives the claims back, and is reported once; the first end opens it', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { store, workers, email, reported, flow } = fixtureOf({ pollMs: 1 })
    const acquire = email.acquire
    email.acquire = () => Promise.reject(new Unavailable('relay-unreachable', 700))
    store.due.push(...mails(2))
    workers.start()
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['1', '2']))
    expect(reported('dependency')).toEqual([{ is: 'dependency', name: 'relay', state: 'down', cause: 'relay-unreachable' }])
    expect(workers.reserve().reservation).toBeNull()

    const claims = store.claims.length
    store.due.push(...mails(3, 3))
    email.acquire = acquire
    vi.advanceTimersByTime(500)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
    expect(store.claims).toHaveLength(claims)
    vi.advanceTimersByTime(200)
    // One mail looks whether the relay is back; the others are claimed when it is.
    await soon(() => expect(workers.running().map(({ intentId }) => intentId)).toEqual(['3']))
    expect(store.claims.slice(claims).map(({ limit }) => limit)).toEqual([1])
    flow()
    await soon(() => expect(store.settled).toHaveLength(3))
    expect(reported('dependency').map(({ state }) => state)).toEqual(['down', 'up'])
    expect(reported('breaker').map(({ state }) => state)).toEqual(['open', 'half-open', 'closed'])
  })
})

it('what waits for a relay that is away goes back in one statement', async () => {
  const { store, workers, email } = fixtureOf({ poolSize: 1 })
  const release = vi.spyOn(store, 'release')
  email.acquire = () => Promise.reject(new Unavailable('relay-unreachable', 60_000))
  workers.reserve().release(accepted({ intents: 4, claimed: mails(4) }))
  workers.start()
  await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['1', '2', '3', '4']))
  expect(release).toHaveBeenCalledTimes(1)
})

describe('writing ends down', () => {
  it('goes on beside the next intents, until more ends are under way than there are workers', async () => {
    const { store, workers, flow, sending } = fixtureOf({ poolSize: 2, pollMs: 1 })
    const writing = Promise.withResolvers<void>()
    store.recording = writing.promise
    store.due.push(...mails(20))
    flow()
    workers.start()
    // Two ends are written while the workers go on; with the third, and the fourth, they wait.
    await soon(() => expect(sending).toHaveLength(4))
    await setImmediate()
    expect(sending).toHaveLength(4)
    expect(store.settled).toEqual([])
    writing.resolve()
    await soon(() => expect(store.settled).toHaveLength(20))
  })

  it('that fails is reported, is tried again until it succeeds, and delays no worker', async () => {
    const { store, workers, flow, reported } = fixtureOf({ poolSize: 2, pollMs: 1 })
    const settle = store.settleOne.bind(store)
    let locked = true
    // More of them than there are workers.
    store.settleOne = async (request) => {
      if (locked && Number(request.intent.id) <= 5) throw new SqlError('ann@example.org', { state: '55P03' })
      return settle(request)
    }
    store.due.push(...mails(20))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(15))
    const cause = 'database: SQLSTATE 55P03'
    expect(reported('execution-failed')).toMatchObject(['1', '2', '3', '4', '5'].map((intentId) => ({ intentId, cause })))
    locked = false
    await soon(() => expect(store.settled).toHaveLength(20))
  })
})

describe('stopping', () => {
  it('claims no more, gives back what has not begun, and waits for what has, its record included', async () => {
    const { store, workers, sending } = fixtureOf()
    const writing = Promise.withResolvers<void>()
    store.recording = writing.promise
    store.due.push(...mails(6))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    await soon(() => expect(store.due).toEqual([]))
    let stopped = false
    const claims = store.claims.length
    const release = vi.spyOn(store, 'release')
    const stopping = workers.stop().then(() => (stopped = true))
    expect(workers.reserve().reservation).toBeNull()
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['5', '6']))
    expect(release).toHaveBeenCalledTimes(1)
    for (const one of sending) one.end()
    await soon(() => expect(workers.running()).toEqual([]))
    expect(stopped).toBe(false)
    writing.resolve()
    await stopping
    expect(store.settled).toHaveLength(4)
    expect(store.claims).toHaveLength(claims)
  })

  it('waits for an accept under way, and for what that hands over', async () => {
    const { store, workers, sending } = fixtureOf()
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
    const desk = workers.reserve()
    expect(desk.reservation).not.toBeNull()
    let stopped = false
    const stopping = workers.stop().then(() => (stopped = true))
    sending[0]?.end()
    await soon(() => expect(store.settled).toHaveLength(1))
    expect(stopped).toBe(false)
    desk.release(accepted({ intents: 1, claimed: mails(1, 10) }))
    await soon(() => expect(sending).toHaveLength(2))
    expect(stopped).toBe(false)
    sending[1]?.end()
    await stopping
    expect(store.settled).toHaveLength(2)
  })

  it('is the same promise for every caller, and safe before a start', async () => {
    const { workers } = fixtureOf()
    expect(workers.stop()).toBe(workers.stop())
    await workers.stop()
  })

  it('waits for a database that is away until the time is up: the leases give back', async () => {
    const { store, workers, sending, reported } = fixtureOf()
    store.due.push(...mails(6))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    store.away = new SqlError('away', {})
    for (const one of sending) one.end()
    const stopping = workers.stop()
    await soon(() => expect(reported('execution-failed')).toHaveLength(4))
    workers.abort()
    await stopping
    expect(reported('execution-failed')).toHaveLength(8)
    expect([...store.released, ...store.settled]).toEqual([])
  })

  it('cuts off what still runs when the time is up, and records that', async () => {
    const { store, workers, sending } = fixtureOf()
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
    const stopping = workers.stop()
    workers.abort()
    await stopping
    expect(store.settled).toMatchObject([{ settlement: { is: 'ambiguous', reason: 'cut-off' } }])
  })
})
