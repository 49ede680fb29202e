import { describe, expect, it } from 'vitest'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import { Destinations, type NoPlace, type Visit } from '../../../src/delivery/destinations.ts'
import type { Impression } from '../../../src/delivery/outcome-signal.ts'
import type { Fact } from '../../../src/model/fact.ts'

const failed: Impression = { is: 'failed', reason: 'timeout' }
const worked: Impression = { is: 'worked' }
const none: Impression = { is: 'none' }

function scene() {
  const facts: Fact[] = []
  let now = 0
  const destinations = new Destinations((fact) => facts.push(fact), { channels: channelList, now: () => now })
  const enter = (destination = 'a', group = 'g') => destinations.enter('webhook', destination, group)
  /** A delivery that takes so long. */
  function answer(ms: number, destination = 'a') {
    const visit = inside(enter(destination))
    visit.begin()
    now += ms
    visit.leave(worked)
  }
  return {
    destinations,
    enter,
    answer,
    later: (ms: number) => (now += ms),
    visit: (impression: Impression, destination = 'a') => inside(enter(destination)).leave(impression),
    places: (destination = 'a', held = 0) => destinations.places('webhook', destination, held),
    states: () => facts.filter((fact) => fact.is === 'breaker').map(({ state }) => state),
    facts,
  }
}

function inside(entered: Visit | NoPlace): Visit {
  if (!('leave' in entered)) throw new Error(`no place: ${entered.is}`)
  return entered
}

describe('the relay', () => {
  it('is not left alone for what may be one recipient’s, while it works for others; where nothing works it is', async () => {
    const { destinations, later, states } = scene()
    const send = () => inside(destinations.enter('email', 'relay', 'g'))
    const ofOne: Impression = { ...failed, ofOne: true }
    for (let failure = 0; failure < 6; failure++) {
      const hanging = send()
      later(1)
      send().leave(worked)
      hanging.leave(ofOne)
    }
    expect(states()).toEqual([])
    for (let failure = 0; failure < 5; failure++) send().leave(ofOne)
    expect(states()).toEqual(['open'])
  })
})

describe('an endpoint', () => {
  it('has one place until it has answered, then two; a place is free again once, when its visit ends', async () => {
    const { enter, places, answer } = scene()
    expect([places(), places('a', 1)]).toEqual([1, 0])
    const unproven = inside(enter())
    expect(enter()).toEqual({ is: 'busy' })
    unproven.leave(none)
    answer(10)
    expect([places(), places('a', 1)]).toEqual([2, 1])
    const [first] = [inside(enter()), inside(enter())]
    expect(enter()).toEqual({ is: 'busy' })
    expect(places()).toBe(0)
    first.leave(none)
    first.leave(none)
    expect(places()).toBe(1)
  })

  it('is slow from its first second on, and quick again after three quick answers', async () => {
    const { enter, later, answer, destinations } = scene()
    const pace = () => destinations.paceOf('webhook', 'a')
    const visit = inside(enter())
    expect(pace()).toBe('unproven')
    visit.begin()
    later(999)
    expect(pace()).toBe('unproven')
    later(1)
    expect(pace()).toBe('slow')
    visit.leave(worked)
    const paces = [pace()]
    for (let quick = 0; quick < 3; quick++) {
      answer(10)
      paces.push(pace())
    }
    expect(paces).toEqual(['slow', 'slow', 'unproven', 'quick'])
  })

  it('is left alone after three failures in a row, told once, and one delivery looks when the pause is over', async () => {
    const { visit, enter, states, facts, places, later } = scene()
    for (const impression of [failed, failed, worked, failed, failed, none]) visit(impression)
    expect(states()).toEqual([])
    visit(failed)
    expect(facts).toEqual([
      { is: 'breaker', channel: 'webhook', destination: 'a', state: 'open', reason: 'timeout', retryInMs: expect.any(Number) },
    ])
    expect(enter()).toMatchObject({ is: 'open' })
    expect(places()).toBe(0)
    later(5_000)
    expect(places()).toBe(1)
    const probe = inside(enter())
    expect(enter()).toEqual({ is: 'open', retryAfterMs: 0 })
    expect(places()).toBe(0)
    probe.begin()
    probe.leave(worked)
    expect(states()).toEqual(['open', 'half-open', 'closed'])
    expect(places()).toBe(2)
  })

  it('that goes on failing is asked at growing distances of at most five minutes', async () => {
    const { visit, facts, later } = scene()
    for (let failure = 0; failure < 3; failure++) visit(failed)
    for (let probe = 0; probe < 8; probe++) {
      later(300_000)
      visit(failed)
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
    const { visit, enter, later } = scene()
    visit({ is: 'closed', reason: 'too-many-requests', forMs: 90_000 })
    later(89_999)
    expect(enter()).toEqual({ is: 'open', retryAfterMs: 1 })
    later(1)
    visit({ is: 'closed', reason: 'unavailable', forMs: 86_400_000 })
    expect(enter()).toEqual({ is: 'open', retryAfterMs: 3_600_000 })
  })

  it('learns nothing from who set out before it was found away, nor from a probe that did not get there', async () => {
    const { visit, answer, enter, states, later } = scene()
    answer(10)
    const early = inside(enter())
    for (let failure = 0; failure < 3; failure++) visit(failed)
    early.leave(worked)
    expect(enter()).toMatchObject({ is: 'open' })
    later(5_000)
    visit(none)
    expect(states()).toEqual(['open', 'half-open'])
    visit(worked)
    expect(states()).toEqual(['open', 'half-open', 'half-open', 'closed'])
  })

  it('is one of ten thousand that are remembered; those with nothing against them are forgotten first', async () => {
    const { visit, facts } = scene()
    visit({ is: 'closed', reason: 'unavailable', forMs: 1_000 }, 'endpoint 0')
    for (let one = 0; one < 10_001; one++) visit(worked, `quick ${one}`)
    expect(facts.map((fact) => fact.is === 'breaker' && fact.state)).toEqual(['open'])
    for (let one = 1; one < 10_001; one++) visit({ is: 'closed', reason: 'unavailable', forMs: 1_000 }, `endpoint ${one}`)
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
    const { destinations, enter, later, answer } = scene()
    destinations.limit('g', 'webhook', workers)
    for (let one = 0; one < workers; one++) answer(10, `quick ${one}`)
    const entered = (name: string, count = workers + 1) => {
      const visits = Array.from({ length: count }, (_, one) => enter(`${name} ${one}`)).filter((visit) => 'leave' in visit)
      for (const visit of visits) visit.begin()
      return visits
    }
    const unproven = entered('new')
    expect(unproven).toHaveLength(most.notQuick)
    expect(enter('new, of another group', 'other')).toHaveProperty('leave')
    later(1_000)
    for (const visit of unproven) visit.leave(worked)
    expect(entered('new', most.notQuick)).toHaveLength(most.slow)
    expect(entered('never seen')).toHaveLength(most.notQuick - most.slow)
    expect(entered('quick')).toHaveLength(workers)
  })
})

describe('the relay', () => {
  it('has no limit of its own, is open at once when it says so, and tells the dependency once', async () => {
    const { destinations, facts, later } = scene()
    const enter = () => inside(destinations.enter('email', 'relay', 'g'))
    const visits = Array.from({ length: 50 }, enter)
    visits[0]?.leave({ is: 'closed', reason: 'relay-busy', forMs: null })
    for (const one of visits.slice(1)) one.leave(failed)
    expect(destinations.places('email', 'relay')).toBe(0)
    for (const [impression, dependencies] of [
      [{ is: 'closed', reason: 'relay-busy', forMs: null }, ['down']],
      [worked, ['down', 'up']],
    ] as const) {
      later(10_000)
      enter().leave(impression)
      expect(facts.flatMap((fact) => (fact.is === 'dependency' ? [fact.state] : []))).toEqual(dependencies)
    }
    expect(destinations.places('email', 'relay')).toBe(Infinity)
  })

  it.each([
    [4, Infinity],
    [5, 0],
  ])('that lost %i mails in a row has %s places', async (lost, places) => {
    const { destinations } = scene()
    for (let mail = 0; mail < lost; mail++) inside(destinations.enter('email', 'relay', 'g')).leave(failed)
    expect(destinations.places('email', 'relay')).toBe(places)
  })
})
