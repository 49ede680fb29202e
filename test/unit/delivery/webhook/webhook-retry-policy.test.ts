import { expect, it } from 'vitest'
import { retriesAllowed, webhookRetryPolicy } from '../../../../src/delivery/webhook/webhook-retry-policy.ts'

it('waits longer from retry to retry, and for no Retry-After longer than for its own longest delay', () => {
  const delays = webhookRetryPolicy.delays(null)
  expect(delays.length).toBeGreaterThan(0)
  expect(delays.toSorted((one, other) => one - other)).toEqual(delays)
  expect(webhookRetryPolicy.retryAfter?.maxMs).toBe(Math.max(...delays))
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
