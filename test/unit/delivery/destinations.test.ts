import { describe, expect, it } from 'vitest'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import { Destinations, type NoPermit, type Permit } from '../../../src/delivery/destinations.ts'
import type { OutcomeSignal } from '../../../src/delivery/outcome-signal.ts'
import type { Fact } from '../../../src/model/fact.ts'

const failed: OutcomeSignal = { is: 'failure', reason: 'timeout' }
const worked: OutcomeSignal = { is: 'ok' }
const none: OutcomeSignal = { is: 'none' }

function fixture() {
  const facts: Fact[] = []
  let now = 0
  const destinations = new Destinations((fact) => facts.push(fact), { channels: channelList, now: () => now })
  const acquire = (destination = 'a', group = 'g') => destinations.acquire('webhook', destination, group)
  /** A delivery that takes so long. */
  function answer(ms: number, destination = 'a') {
    const permit = inside(acquire(destination))
    permit.begin()
    now += ms
    permit.release(worked)
  }
  return {
    destinations,
    acquire,
    answer,
    later: (ms: number) => (now += ms),
    permit: (outcomeSignal: OutcomeSignal, destination = 'a') => inside(acquire(destination)).release(outcomeSignal),
    permits: (destination = 'a', held = 0) => destinations.permits('webhook', destination, held),
    states: () => facts.filter((fact) => fact.is === 'breaker').map(({ state }) => state),
    facts,
  }
}

function inside(entered: Permit | NoPermit): Permit {
  if (!('release' in entered)) throw new Error(`no permit: ${entered.is}`)
  return entered
}

describe('the relay', () => {
  it('is not left alone for what may be one recipient’s, while it works for others; where nothing works it is', async () => {
    const { destinations, later, states } = fixture()
    const send = () => inside(destinations.acquire('email', 'relay', 'g'))
    const ofOne: OutcomeSignal = { ...failed, ofOne: true }
    for (let failure = 0; failure < 6; failure++) {
      const hanging = send()
      later(1)
      send().release(worked)
      hanging.release(ofOne)
    }
    expect(states()).toEqual([])
    for (let failure = 0; failure < 5; failure++) send().release(ofOne)
    expect(states()).toEqual(['open'])
  })
})

describe('an endpoint', () => {
  it('has one permit until it has answered, then two; a permit that is released twice is free once', async () => {
    const { acquire, permits, answer } = fixture()
    expect([permits(), permits('a', 1)]).toEqual([1, 0])
    const unproven = inside(acquire())
    expect(acquire()).toEqual({ is: 'busy', mayWait: 0 })
    unproven.release(none)
    answer(10)
    expect([permits(), permits('a', 1)]).toEqual([2, 1])
    const [first] = [inside(acquire()), inside(acquire())]
    expect(acquire()).toEqual({ is: 'busy', mayWait: 50 })
    expect(permits()).toBe(0)
    first.release(none)
    first.release(none)
    expect(permits()).toBe(1)
  })

  it('that is quick has as many wait for a permit as have their turn in a quarter of a second, and says when there is none', () => {
    const { acquire, answer, later, destinations, permit } = fixture()
    const full = (claimed = 0) => destinations.isFull('webhook', 'a', claimed)
    const mayWait = () => {
      const entered = acquire()
      return entered && 'mayWait' in entered ? entered.mayWait : null
    }
    const unproven = inside(acquire())
    expect([mayWait(), full()]).toEqual([0, false])
    unproven.release(none)
    answer(20)
    const both = [inside(acquire()), inside(acquire())]
    expect([mayWait(), destinations.mayWait('webhook', 'a'), destinations.mayWait('webhook', 'b'), full()]).toEqual([25, 25, 0, true])
    both[0]?.release(worked)
    expect([full(), full(1), full(2)]).toEqual([false, false, true])
    // The mean follows slowly: one delivery of 100 ms makes it 30 ms.
    answer(100)
    const again = inside(acquire())
    expect(mayWait()).toBe(16)
    again.begin()
    later(1_000)
    expect([mayWait(), destinations.mayWait('webhook', 'a'), full()]).toEqual([0, 0, false])
    again.release(worked)
    both[1]?.release(worked)
    for (let quick = 0; quick < 2; quick++) answer(1)
    const last = inside(acquire())
    expect([destinations.paceOf('webhook', 'a'), mayWait()]).toEqual(['unproven', 0])
    last.release(none)
    answer(1)
    for (const one of [inside(acquire()), inside(acquire())]) one.release(failed)
    permit(failed)
    expect([mayWait(), destinations.mayWait('webhook', 'a'), full(2)]).toEqual([null, 0, false])
  })

  it('is slow from its first second on, and quick again after three quick answers', async () => {
    const { acquire, later, answer, destinations } = fixture()
    const pace = () => destinations.paceOf('webhook', 'a')
    const permit = inside(acquire())
    expect(pace()).toBe('unproven')
    permit.begin()
    later(999)
    expect(pace()).toBe('unproven')
    later(1)
    expect(pace()).toBe('slow')
    permit.release(worked)
    const paces = [pace()]
    for (let quick = 0; quick < 3; quick++) {
      answer(10)
      paces.push(pace())
    }
    expect(paces).toEqual(['slow', 'slow', 'unproven', 'quick'])
  })

  it('is left alone after three failures in a row, reported once, and probed by one delivery when the pause is over', async () => {
    const { permit, acquire, states, facts, permits, later } = fixture()
    for (const outcomeSignal of [failed, failed, worked, failed, failed, none]) permit(outcomeSignal)
    expect(states()).toEqual([])
    permit(failed)
    expect(facts).toEqual([
      { is: 'breaker', channel: 'webhook', destination: 'a', state: 'open', reason: 'timeout', retryInMs: expect.any(Number) },
    ])
    expect(acquire()).toMatchObject({ is: 'open' })
    expect(permits()).toBe(0)
    later(5_000)
    expect(permits()).toBe(1)
    const probe = inside(acquire())
    expect(acquire()).toEqual({ is: 'open', retryAfterMs: 0 })
    expect(permits()).toBe(0)
    probe.begin()
    probe.release(worked)
    expect(states()).toEqual(['open', 'half-open', 'closed'])
    expect(permits()).toBe(2)
  })

  it('that keeps failing is probed with a backoff of at most five minutes', async () => {
    const { permit, facts, later } = fixture()
    for (let failure = 0; failure < 3; failure++) permit(failed)
    for (let probe = 0; probe < 8; probe++) {
      later(300_000)
      permit(failed)
    }
    const pauses = facts.flatMap((fact) => (fact.is === 'breaker' && fact.retryInMs !== null ? [fact.retryInMs] : []))
    expect(pauses).toHaveLength(9)
    for (const [index, pause] of pauses.entries()) {
      const full = Math.min(300_000, 5_000 * 2 ** index)
      expect(pause).toBeGreaterThanOrEqual(full / 2)
      expect(pause).toBeLessThanOrEqual(full)
    }
  })

  it('that says until when is held until then, and no longer than an hour', async () => {
    const { permit, acquire, later } = fixture()
    permit({ is: 'throttled', reason: 'too-many-requests', forMs: 90_000 })
    later(89_999)
    expect(acquire()).toEqual({ is: 'open', retryAfterMs: 1 })
    later(1)
    permit({ is: 'throttled', reason: 'unavailable', forMs: 86_400_000 })
    expect(acquire()).toEqual({ is: 'open', retryAfterMs: 3_600_000 })
  })

  it('learns nothing from who set out before it was found away, nor from a probe that did not get there', async () => {
    const { permit, answer, acquire, states, later } = fixture()
    answer(10)
    const early = inside(acquire())
    for (let failure = 0; failure < 3; failure++) permit(failed)
    early.release(worked)
    expect(acquire()).toMatchObject({ is: 'open' })
    later(5_000)
    permit(none)
    expect(states()).toEqual(['open', 'half-open'])
    permit(worked)
    expect(states()).toEqual(['open', 'half-open', 'half-open', 'closed'])
  })

  it('is one of ten thousand that are remembered; those with nothing against them are forgotten first', async () => {
    const { permit, facts } = fixture()
    permit({ is: 'throttled', reason: 'unavailable', forMs: 1_000 }, 'endpoint 0')
    for (let one = 0; one < 10_001; one++) permit(worked, `quick ${one}`)
    expect(facts.map((fact) => fact.is === 'breaker' && fact.state)).toEqual(['open'])
    for (let one = 1; one < 10_001; one++) permit({ is: 'throttled', reason: 'unavailable', forMs: 1_000 }, `endpoint ${one}`)
    expect(facts.at(-1)).toMatchObject({ state: 'open', destination: 'endpoint 10000' })
    expect(facts.filter((fact) => fact.is === 'breaker' && fact.state === 'closed')).toEqual([
      expect.objectContaining({ destination: 'endpoint 0', reason: 'forgotten' }),
    ])
  })
})

describe('the workers of a group', () => {
  it.each([
    [1, { slow: 1, notQuick: 1 }],
    [2, { slow: 1, notQuick: 1 }],
    [4, { slow: 2, notQuick: 3 }],
    [8, { slow: 4, notQuick: 6 }],
    [15, { slow: 7, notQuick: 12 }],
  ])('of whom %i may deliver: of slow endpoints half are kept, of those that never answered three quarters', async (workers, most) => {
    const { destinations, acquire, later, answer } = fixture()
    destinations.limit('g', 'webhook', workers)
    for (let one = 0; one < workers; one++) answer(10, `quick ${one}`)
    const entered = (name: string, count = workers + 1) => {
      const permitsHeld = Array.from({ length: count }, (_, one) => acquire(`${name} ${one}`)).filter((permit) => 'release' in permit)
      for (const permit of permitsHeld) permit.begin()
      return permitsHeld
    }
    const unproven = entered('new')
    expect(unproven).toHaveLength(most.notQuick)
    expect(acquire('new, of another group', 'other')).toHaveProperty('release')
    later(1_000)
    for (const permit of unproven) permit.release(worked)
    expect(entered('new', most.notQuick)).toHaveLength(most.slow)
    expect(entered('never seen')).toHaveLength(most.notQuick - most.slow)
    expect(entered('quick')).toHaveLength(workers)
  })

  it('gives a slow endpoint no second delivery while others that may be slow leave no room, so that newcomers keep theirs', () => {
    const { destinations, acquire, later } = fixture()
    destinations.limit('g', 'webhook', 8)
    const permits = ['a', 'b', 'c', 'd'].map((endpoint) => {
      const permit = inside(acquire(endpoint))
      permit.begin()
      later(100)
      return permit
    })
    // The first is slow, the others will be.
    later(700)
    expect(['a', 'b', 'c', 'd'].map((endpoint) => destinations.paceOf('webhook', endpoint))).toEqual([
      'slow',
      'slow',
      'unproven',
      'unproven',
    ])
    expect(acquire('a')).toEqual({ is: 'busy', mayWait: 0 })
    expect([acquire('newcomer'), acquire('another')].every((permit) => 'release' in permit)).toBe(true)
    for (const permit of permits.slice(1)) permit.release(worked)
    expect(acquire('a')).toHaveProperty('release')
  })
})

describe('the relay', () => {
  it('has no limit of its own, is open at once when it says so, and reports the dependency once', async () => {
    const { destinations, facts, later } = fixture()
    const acquire = () => inside(destinations.acquire('email', 'relay', 'g'))
    const permitsHeld = Array.from({ length: 50 }, acquire)
    permitsHeld[0]?.release({ is: 'throttled', reason: 'relay-busy', forMs: null })
    for (const one of permitsHeld.slice(1)) one.release(failed)
    expect(destinations.permits('email', 'relay')).toBe(0)
    for (const [outcomeSignal, dependencies] of [
      [{ is: 'throttled', reason: 'relay-busy', forMs: null }, ['down']],
      [worked, ['down', 'up']],
    ] as const) {
      later(10_000)
      acquire().release(outcomeSignal)
      expect(facts.flatMap((fact) => (fact.is === 'dependency' ? [fact.state] : []))).toEqual(dependencies)
    }
    expect(destinations.permits('email', 'relay')).toBe(Infinity)
  })

  it.each([
    [4, Infinity],
    [5, 0],
  ])('that lost %i mails in a row has %s permits', async (lost, permits) => {
    const { destinations } = fixture()
    for (let mail = 0; mail < lost; mail++) inside(destinations.acquire('email', 'relay', 'g')).release(failed)
    expect(destinations.permits('email', 'relay')).toBe(permits)
  })
})
