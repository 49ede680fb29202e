import { expect, it } from 'vitest'
import { retriesAllowed, webhookRetryDelays } from '../../../../src/delivery/webhook/webhook-retry-policy.ts'

it('has the delays that Standard Webhooks recommends after the first attempt', () => {
  expect(webhookRetryDelays.map((ms) => ms / 1_000)).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400])
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
