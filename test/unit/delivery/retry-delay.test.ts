import { describe, expect, it } from 'vitest'
import { retryDelay } from '../../../src/delivery/retry-delay.ts'
import { webhookRetryPolicy } from '../../../src/delivery/webhook/webhook-retry-policy.ts'
import type { RetryPolicy } from '../../../src/model/retry-policy.ts'

const policy: RetryPolicy<string> = { delays: () => [1_000, 5_000], jitter: 'equal', retryAfter: { defaultMs: 60_000, maxMs: 600_000 } }
const retry = { message: 'm', failed: 1, maxRetries: Infinity }
const lowest = () => 0
const highest = () => 1
const delayWhenSlowedDown = (forMs: number | null, of: RetryPolicy<string> = policy, random = lowest) =>
  retryDelay(of, { ...retry, slowDown: { forMs } }, random)

describe('the delay before a retry', () => {
  it('is drawn from 50 to 100 % of the policy’s under equal jitter, and is the policy’s own without', () => {
    expect([retryDelay(policy, retry, lowest), retryDelay(policy, retry, highest)]).toEqual([500, 1_000])
    expect(retryDelay(policy, { ...retry, failed: 2 }, highest)).toBe(5_000)
    expect(retryDelay({ ...policy, jitter: 'none' }, retry, lowest)).toBe(1_000)
  })

  it('ends with the delays, or with the retries that the owner of the destination allows', () => {
    expect(retryDelay(policy, { ...retry, failed: 3 })).toBeNull()
    expect(retryDelay(policy, { ...retry, failed: 2, maxRetries: 1 })).toBeNull()
    expect(retryDelay(policy, { ...retry, failed: 1, maxRetries: 0 })).toBeNull()
  })

  it('is that of the message', () => {
    const byMessage = { ...policy, delays: (message: string) => (message === 'urgent' ? [10] : []) }
    expect(retryDelay(byMessage, { ...retry, message: 'urgent' }, highest)).toBe(10)
    expect(retryDelay(byMessage, { ...retry, message: 'other' })).toBeNull()
  })
})

describe('a destination that requests a slowdown', () => {
  it('gets the time it names and up to a tenth more, or a minute when it names none', () => {
    expect([delayWhenSlowedDown(300_000), delayWhenSlowedDown(300_000, policy, highest)]).toEqual([315_000, 330_000])
    expect(delayWhenSlowedDown(null)).toBe(63_000)
  })

  it('is given no longer than the policy’s maximum: a day for webhooks', () => {
    expect(delayWhenSlowedDown(Infinity)).toBe(630_000)
    const day = 24 * 3_600_000
    const message = { endpointId: 'e', url: '', secret: '', eventType: '', payload: {}, retryEnabled: true, maxRetries: 9 }
    expect(retryDelay(webhookRetryPolicy, { ...retry, message, slowDown: { forMs: 9 * day } }, lowest)).toBe(day + day / 20)
  })

  it('never shortens the delay, and moves nothing under a policy that ignores it', () => {
    expect(delayWhenSlowedDown(1)).toBe(500)
    expect(delayWhenSlowedDown(300_000, { ...policy, retryAfter: null }, highest)).toBe(1_000)
  })
})
