import { describe, expect, it } from 'vitest'
import { FailureGate, type FailureGateOptions } from '../../../src/std/failure-gate.ts'

function setUp(options: Partial<FailureGateOptions> = {}) {
  const time = { now: 0 }
  const tried: number[] = []
  const gate = new FailureGate<Error>({ baseMs: 100, maxMs: 1_000, now: () => time.now, ...options })
  const connect = (connecting: () => Promise<string>) =>
    gate.run(
      () => {
        tried.push(time.now)
        return connecting()
      },
      (thrown) => new Error(String(thrown)),
    )
  return { gate, time, tried, connect }
}

const refused = () => Promise.reject(new Error('refused'))
const fault = new Error('fault')

describe('work that runs through a gate', () => {
  it('is not delayed while it succeeds', async () => {
    const { tried, connect } = setUp()
    await Promise.all(Array.from({ length: 20 }, () => connect(async () => 'connection')))
    expect(tried).toHaveLength(20)
  })

  it('is tried once per pause for all callers while it fails, with exponential backoff up to a second; all get the cause', async () => {
    const { time, tried, connect } = setUp()
    for (; time.now < 60_000; time.now += 10) await expect(connect(refused)).rejects.toThrow('refused')
    expect(tried.length).toBeLessThan(125)
    const pauses = tried.slice(1).map((at, index) => at - (tried[index] ?? 0))
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_010)
    expect(Math.min(...pauses.slice(5))).toBeGreaterThanOrEqual(500)
  })

  it('does not wait for an attempt that hangs, and is not delayed once an attempt succeeds', async () => {
    const { time, tried, connect } = setUp()
    await expect(connect(refused)).rejects.toThrow('refused')
    time.now += 1_000
    void connect(() => new Promise(() => undefined))
    await expect(connect(async () => 'too soon')).rejects.toThrow('refused')
    time.now += 1_000
    expect(await connect(async () => 'connection')).toBe('connection')
    expect(await connect(async () => 'another')).toBe('another')
    expect(tried).toHaveLength(4)
  })

  it('counts an attempt that fails before the next is due, or that began before another failed, as part of the same failure', async () => {
    const { gate, time, connect } = setUp()
    await expect(connect(refused)).rejects.toThrow('refused')
    time.now += 1_000
    const first = Promise.withResolvers<string>()
    const hanging = connect(() => first.promise)
    time.now += 10
    first.reject(new Error('later'))
    await expect(hanging).rejects.toThrow('later')
    expect([gate.failures, gate.cause?.message]).toEqual([2, 'Error: later'])
    time.now += 1_000
    expect(gate.failed(fault, { startedAt: 1_005 })).toBe('ignored')
    expect(gate.failures).toBe(2)
  })
})

describe('a gate that callers report to', () => {
  it('trips at its threshold of consecutive failures', () => {
    const { gate } = setUp({ threshold: 3 })
    expect([gate.failed(fault), gate.failed(fault), gate.succeeded(), gate.failures]).toEqual(['counted', 'counted', false, 0])
    expect([gate.failed(fault), gate.failed(fault), gate.failed(fault), gate.tripped]).toEqual(['counted', 'counted', 'tripped', true])
    expect(gate.retryAfterMs).toBeGreaterThanOrEqual(50)
  })

  it('doubles its pause with each failed attempt, and starts over after a success', () => {
    const { gate, time } = setUp({ random: () => 1 })
    const pauses = [1, 2, 3, 4, 5, 6].map(() => {
      gate.failed(fault)
      const pause = gate.retryAfterMs
      time.now += pause
      return pause
    })
    expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(gate.succeeded()).toBe(true)
    expect([gate.tripped, gate.retryAfterMs, gate.cause]).toEqual([false, 0, null])
    gate.failed(fault)
    expect(gate.retryAfterMs).toBe(100)
  })

  it('trips at once for a requested pause, which does not lengthen the next one', () => {
    const { gate, time } = setUp({ threshold: 3, random: () => 1 })
    expect(gate.failed(fault, { pauseMs: 7_000 })).toBe('tripped')
    expect(gate.retryAfterMs).toBe(7_000)
    time.now += 7_000
    expect(gate.failed(fault, { pauseMs: null })).toBe('tripped again')
    expect(gate.retryAfterMs).toBe(100)
  })

  it('ignores failures during a pause', () => {
    const { gate, time } = setUp({ random: () => 1 })
    gate.failed(fault)
    time.now += 99
    expect([gate.failed(new Error('other')), gate.failures, gate.cause, gate.retryAfterMs]).toEqual(['ignored', 1, fault, 1])
  })
})
