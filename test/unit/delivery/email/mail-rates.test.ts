import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMailRates, type MailRateOptions } from '../../../../src/delivery/email/mail-rates.ts'
import { Postponed } from '../../../../src/delivery/channel.ts'
import { systemClock } from '../../../../src/std/clock.ts'

// The limiter keeps its own time.
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

const never = new AbortController().signal
const rates = (options: Omit<MailRateOptions, 'clock'>) => createMailRates({ clock: systemClock, random: () => 0.5, ...options })

/** Null when the mail may go; else the reason and when it comes again. */
async function ask(
  of: ReturnType<typeof rates>,
  domain: string | null,
  signal = never,
): Promise<{ reason: string; afterMs: number } | null> {
  try {
    await of.take(domain, signal)
    return null
  } catch (error) {
    if (error instanceof Postponed) return { reason: error.reason, afterMs: error.afterMs }
    throw error
  }
}

describe('without rates', () => {
  it('every mail goes at once', async () => {
    const free = rates({})
    for (let mail = 0; mail < 1_000; mail++) expect(await ask(free, 'example.com')).toBeNull()
  })
})

describe('the rate of a domain', () => {
  it('blocks no worker: mails over the rate are deferred, each to a time of its own', async () => {
    const two = rates({ perDomainPerSecond: 2 })
    for (let mail = 0; mail < 2; mail++) expect(await ask(two, 'example.com')).toBeNull()
    const put = []
    for (let mail = 0; mail < 4; mail++) put.push(await ask(two, 'example.com'))
    expect(put).toEqual([1_000, 1_500, 2_000, 2_500].map((afterMs) => ({ reason: 'domain-rate', afterMs })))
    expect(await ask(two, 'example.org')).toBeNull()
    expect(await ask(two, null)).toBeNull()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await ask(two, 'example.com')).toBeNull()
  })

  it('puts nobody behind an endless line', async () => {
    const slow = rates({ perDomainPerSecond: 0.1 })
    await ask(slow, 'example.com')
    const waits = []
    for (let mail = 0; mail < 20; mail++) waits.push((await ask(slow, 'example.com'))?.afterMs)
    expect(waits.slice(0, 6)).toEqual([10_000, 20_000, 30_000, 40_000, 50_000, 60_000])
    expect(new Set(waits.slice(6))).toEqual(new Set([45_000]))
  })

  it.each([0.5, 1, 7, 100])('of %f is never exceeded by more than another second of it, however often it is tried', async (perSecond) => {
    const limited = rates({ perDomainPerSecond: perSecond })
    const gone: number[] = []
    for (let ms = 0; ms < 20_000; ms += 10) {
      for (let mail = 0; mail < 3; mail++) if ((await ask(limited, 'example.com')) === null) gone.push(ms)
      await vi.advanceTimersByTimeAsync(10)
    }
    const burst = Math.ceil(perSecond)
    for (const [index, from] of gone.entries()) {
      const within = gone.slice(index).filter((ms) => ms < from + 1_000).length
      expect(within).toBeLessThanOrEqual(perSecond + burst)
    }
    // And it is used.
    expect(gone.length).toBeGreaterThan(20 * perSecond * 0.95)
  })
})

describe('the rate of the relay', () => {
  it('is waited for', async () => {
    const ten = rates({ perSecond: 10 })
    expect(await ask(ten, 'example.com')).toBeNull()
    const began = Date.now()
    const waiting = ask(ten, 'example.com')
    await vi.advanceTimersByTimeAsync(100)
    expect(await waiting).toBeNull()
    expect(Date.now() - began).toBe(100)
  })

  it('is not waited for long: the mail comes again, and its domain gets back what it took', async () => {
    const slow = rates({ perSecond: 0.1, perDomainPerSecond: 0.2 })
    expect(await ask(slow, 'example.com')).toBeNull()
    expect(await ask(slow, 'example.org')).toEqual({ reason: 'relay-rate', afterMs: 11_000 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await ask(slow, 'example.org')).toMatchObject({ reason: 'relay-rate' })
  })

  it('is not waited for when time is up', async () => {
    const one = rates({ perSecond: 1 })
    await ask(one, null)
    const up = new AbortController()
    const waiting = ask(one, null, up.signal)
    await vi.advanceTimersByTimeAsync(1)
    up.abort()
    expect(await waiting).toMatchObject({ reason: 'relay-rate' })
  })
})
