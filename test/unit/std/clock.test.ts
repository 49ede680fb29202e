import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/std/clock.ts'

describe('sleeping', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('ends after the given time and leaves no listener on its signal', async () => {
    const ending = new AbortController()
    const removed = vi.spyOn(ending.signal, 'removeEventListener')
    let awake = false
    const sleeping = systemClock.sleep(1_000, ending.signal).then(() => (awake = true))
    await vi.advanceTimersByTimeAsync(999)
    expect(awake).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await sleeping
    expect(removed).toHaveBeenCalledTimes(1)
  })

  it('ends at once when its signal aborts, without an error and without a timer left', async () => {
    const ending = new AbortController()
    const timers = vi.getTimerCount()
    const sleeping = systemClock.sleep(1_000, ending.signal)
    expect(vi.getTimerCount()).toBe(timers + 1)
    ending.abort()
    await sleeping
    expect(vi.getTimerCount()).toBe(timers)
    await systemClock.sleep(1_000, ending.signal)
    expect(vi.getTimerCount()).toBe(timers)
  })
})
