import type { Intent } from '../../../src/model/intent.ts'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Unavailable } from '../../../src/delivery/channel.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { prepareEach, type IntentKind } from '../../../src/model/intent-kind.ts'
import { accepted, fixtureOf, hooks, mails, soon, stopWorkers, webhookKind } from './worker-pool-fixture.ts'

afterEach(stopWorkers)

describe('a reservation', () => {
  it('happens only after a claim came back short, one per free worker', async () => {
    const { store, workers, sending } = fixtureOf()
    expect(workers.reserve().reservation).toBeNull()
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
    const reservation = workers.reserve()
    expect(reservation.reservation).toEqual({
      owner: expect.stringMatching(/^me:test-workers:\d+$/),
      workers: [{ channel: 'email', count: 3, leaseMs: 2_000, share: 2, held: new Map([[mails(1)[0]?.campaignId, 1]]) }],
    })
    expect(workers.reserve().reservation).toBeNull()
    reservation.release(accepted({ intents: 2, claimed: mails(2, 10) }))
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
    const reservation = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    reservation.release(null)
    const again = workers.reserve()
    expect(again.reservation?.workers).toMatchObject([{ count: 4 }])
    again.release(null)
  })

  it('does not happen while what an earlier accept has written waits in the database', async () => {
    const { store, workers } = fixtureOf()
    workers.start()
    const reservation = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    store.away = new SqlError('away', {})
    reservation.release(accepted({ intents: 1 }))
    expect(workers.reserve().reservation).toBeNull()
  })

  it('wakes the workers for what was accepted beyond it', async () => {
    const { store, workers, sending } = fixtureOf()
    workers.start()
    const reservation = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    store.due.push(...mails(2, 10))
    reservation.release(accepted({ intents: 3, claimed: mails(1) }))
    await soon(() => expect(sending.map(({ id }) => id).toSorted()).toEqual(['1', '10', '11']))
  })

  it('wakes the workers for what was accepted during a claim, which may not have seen it', async () => {
    const { store, workers, sending } = fixtureOf()
    workers.start()
    const first = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    const claim = store.claim.bind(store)
    const reading = Promise.withResolvers<Intent[]>()
    let isReading = false
    store.claim = () => {
      isReading = true
      return reading.promise
    }
    first.release(accepted({ intents: 1 }))
    await soon(() => expect(isReading).toBe(true))
    store.claim = claim
    store.due.push(...mails(2, 10))
    workers.reserve().release(accepted({ intents: 2 }))
    reading.resolve([])
    await soon(() => expect(sending.map(({ id }) => id)).toEqual(['10', '11']))
  })

  it('that ends unused wakes the workers for what its own workers had no room to claim', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 1 })
    workers.start()
    const only = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    store.due.push(...mails(1))
    workers.reserve().release(accepted({ intents: 1 }))
    await setImmediate()
    expect(sending).toEqual([])
    only.release(null)
    await soon(() => expect(sending.map(({ id }) => id)).toEqual(['1']))
  })
})

describe('a relay that is away', () => {
  afterEach(() => vi.useRealTimers())

  it('pauses its channel for as long as it requested, releases the claims, and is reported once; the first success resumes it', async () => {
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

describe('recording outcomes', () => {
  it('continues beside the next intents, until more outcomes wait to be written than there are workers', async () => {
    const { store, workers, flow, sending } = fixtureOf({ poolSize: 2, pollMs: 1 })
    const writing = Promise.withResolvers<void>()
    store.recording = writing.promise
    store.due.push(...mails(20))
    flow()
    workers.start()
    // Two outcomes are being written while the workers continue; with the third, and the fourth, they wait.
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

  it('gives back what would wait for a busy destination', async () => {
    const preparing = Promise.withResolvers<void>()
    const message = { endpointId: 'e', url: '', secret: '', eventType: '', payload: {}, retryEnabled: true, maxRetries: 9 }
    const kind: IntentKind<'webhook'> = {
      ...webhookKind,
      prepare: prepareEach(async ({ id }) => {
        if (id === '4') await preparing.promise
        return { is: 'message', message }
      }),
    }
    const { store, workers, webhook } = fixtureOf({ kinds: [kind] })
    const ends: (() => void)[] = []
    webhook.perform = () => new Promise((resolve) => ends.push(() => resolve({ is: 'done', state: 'delivered', reply: {} })))
    store.due.push(...hooks(1))
    workers.start()
    await soon(() => expect(ends).toHaveLength(1))
    ends[0]?.()
    await soon(() => expect(store.settled).toHaveLength(1))
    store.due.push(...hooks(2, 2))
    workers.reserve().release(accepted({ intents: 2 }))
    await soon(() => expect(ends).toHaveLength(3))
    store.due.push(...hooks(1, 4))
    workers.reserve().release(accepted({ intents: 1 }))
    await soon(() => expect(workers.running()).toHaveLength(3))
    const stopping = workers.stop()
    await setImmediate()
    preparing.resolve()
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['4']))
    for (const end of ends) end()
    await stopping
    expect(store.settled).toHaveLength(3)
  })

  it('waits for an accept in flight, and for the intents that it claims', async () => {
    const { store, workers, sending } = fixtureOf()
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
    const reservation = workers.reserve()
    expect(reservation.reservation).not.toBeNull()
    let stopped = false
    const stopping = workers.stop().then(() => (stopped = true))
    sending[0]?.end()
    await soon(() => expect(store.settled).toHaveLength(1))
    expect(stopped).toBe(false)
    reservation.release(accepted({ intents: 1, claimed: mails(1, 10) }))
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

describe('an intent whose lease is over and that is claimed again', () => {
  it('is reported for as long as either of its sends goes on, at the stage of that one', async () => {
    const { store, workers, sending } = fixtureOf()
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
    const reservation = workers.reserve()
    reservation.release(accepted({ intents: 1, claimed: mails(1) }))
    await soon(() => expect(sending).toHaveLength(2))
    expect(workers.running()).toHaveLength(2)
    sending[1]?.end()
    await soon(() => expect(store.settled).toHaveLength(1))
    expect(workers.running()).toMatchObject([{ intentId: '1', stage: 'send' }])
    sending[0]?.end()
    await soon(() => expect(workers.running()).toHaveLength(0))
  })
})
