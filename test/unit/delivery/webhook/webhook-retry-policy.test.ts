import { expect, it } from 'vitest'
import { retriesAllowed, webhookRetryDelays, webhookRetryPolicy } from '../../../../src/delivery/webhook/webhook-retry-policy.ts'

it('waits longer from retry to retry, and for no Retry-After longer than for its own longest delay', () => {
  expect(webhookRetryDelays.length).toBeGreaterThan(0)
  expect(webhookRetryDelays.toSorted((one, other) => one - other)).toEqual(webhookRetryDelays)
  expect(webhookRetryPolicy.retryAfter?.maxMs).toBe(Math.max(...webhookRetryDelays))
})

it.each([
  [true, 5, 5],
  [true, 0, 0],
  [true, -1, 0],
  [true, 50, 50],
  [false, 5, 0],
])('allows with retryEnabled %s and maxRetries %i %i retries', (retryEnabled, maxRetries, retries) => {
  expect(retriesAllowed({ retryEnabled, maxRetries })).toBe(retries)
})
