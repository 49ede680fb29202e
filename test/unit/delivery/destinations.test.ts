import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Destinations, type NoPlace, type Visit } from '../../../src/delivery/destinations.ts'
import type { Impression } from '../../../src/delivery/impression.ts'
import type { Fact } from '../../../src/worker/fact.ts'

const failed: Impression = { is: 'failed', reason: 'timeout' }
const worked: Impression = { is: 'worked' }
const none: Impression = { is: 'none' }

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => vi.useRealTimers())

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)

function scene() {
  const facts: Fact[] = []
  const destinations = new Destinations((fact) => facts.push(fact))
  const enter = (destination = 'a') => destinations.enter('webhook', destination)
  return {
    destinations,
    enter,
    visit: async (impression: Impression, destination = 'a') => inside(enter(destination)).leave(impression),
    places: (destination = 'a', held = 0) => destinations.places('webhook', destination, held),
    states: () => facts.filter((fact) => fact.is === 'breaker').map(({ state }) => state),
    facts,
  }
}

function inside(entered: Visit | NoPlace): Visit {
  if (!('leave' in entered)) throw new Error(`no place: ${entered.is}`)
  return entered
}

describe('an endpoint', () => {
  it('has two places; a place is free again once, when its visit ends', async () => {
    const { enter, places } = scene()
    const [first] = [inside(enter()), inside(enter())]
    expect(enter()).toEqual({ is: 'busy' })
    expect(places()).toBe(0)
    expect(places('b')).toBe(2)
    expect(places('b', 1)).toBe(1)
    await first.leave(none)
    await first.leave(none)
    expect(places()).toBe(1)
  })

  it('is left alone after three failures in a row, told once, and one delivery looks when the pause is over', async () => {
    const { visit, enter, states, facts, places } = scene()
    for (const impression of [failed, failed, worked, failed, failed, none]) await visit(impression)
    expect(states()).toEqual([])
    await visit(failed)
    expect(facts).toEqual([
      { is: 'breaker', channel: 'webhook', destination: 'a', state: 'open', reason: 'timeout', retryInMs: expect.any(Number) },
    ])
    expect(enter()).toMatchObject({ is: 'open' })
    expect(places()).toBe(0)
    pass(5_000)
    expect(places()).toBe(1)
    const probe = inside(enter())
    expect(enter()).toEqual({ is: 'open', retryAfterMs: 0 })
    expect(places()).toBe(0)
    await probe.leave(worked)
    expect(states()).toEqual(['open', 'half-open', 'closed'])
    expect(places()).toBe(2)
  })

  it('that goes on failing is asked at growing distances of at most five minutes', async () => {
    const { visit, facts } = scene()
    for (let failure = 0; failure < 3; failure++) await visit(failed)
    for (let probe = 0; probe < 8; probe++) {
      pass(300_000)
      await visit(failed)
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
    const { visit, enter } = scene()
    await visit({ is: 'closed', reason: 'too-many-requests', forMs: 90_000 })
    pass(89_999)
    expect(enter()).toEqual({ is: 'open', retryAfterMs: 1 })
    pass(1)
    await visit({ is: 'closed', reason: 'unavailable', forMs: 86_400_000 })
    expect(enter()).toEqual({ is: 'open', retryAfterMs: 3_600_000 })
  })

  it('learns nothing from who set out before it was found away, nor from a probe that did not get there', async () => {
    const { visit, enter, states } = scene()
    const early = inside(enter())
    for (let failure = 0; failure < 3; failure++) await visit(failed)
    await early.leave(worked)
    expect(enter()).toMatchObject({ is: 'open' })
    pass(5_000)
    await visit(none)
    expect(states()).toEqual(['open', 'half-open'])
    await visit(worked)
    expect(states()).toEqual(['open', 'half-open', 'half-open', 'closed'])
  })

  it('that is idle and well takes no memory; of the others ten thousand are remembered', async () => {
    const { visit, facts } = scene()
    for (let one = 0; one < 10_001; one++) await visit({ is: 'closed', reason: 'unavailable', forMs: 1_000 }, `endpoint ${one}`)
    expect(facts.at(-1)).toMatchObject({ state: 'open', destination: 'endpoint 10000' })
    expect(facts.filter((fact) => fact.is === 'breaker' && fact.state === 'closed')).toEqual([
      expect.objectContaining({ destination: 'endpoint 0', reason: 'forgotten' }),
    ])
  })
})

describe('the relay', () => {
  it('has no limit of its own, is open at once when it says so, and tells the dependency once', async () => {
    const { destinations, facts } = scene()
    const enter = () => inside(destinations.enter('email', 'relay'))
    const visits = Array.from({ length: 50 }, enter)
    await visits[0]?.leave({ is: 'closed', reason: 'relay-busy', forMs: null })
    for (const one of visits.slice(1)) await one.leave(failed)
    expect(destinations.places('email', 'relay')).toBe(0)
    for (const [impression, dependencies] of [
      [{ is: 'closed', reason: 'relay-busy', forMs: null }, ['down']],
      [worked, ['down', 'up']],
    ] as const) {
      pass(10_000)
      await enter().leave(impression)
      expect(facts.flatMap((fact) => (fact.is === 'dependency' ? [fact.state] : []))).toEqual(dependencies)
    }
    expect(destinations.places('email', 'relay')).toBe(Infinity)
  })

  it.each([
    [4, Infinity],
    [5, 0],
  ])('that lost %i mails in a row has %s places', async (lost, places) => {
    const { destinations } = scene()
    for (let mail = 0; mail < lost; mail++) await inside(destinations.enter('email', 'relay')).leave(failed)
    expect(destinations.places('email', 'relay')).toBe(places)
  })
})
