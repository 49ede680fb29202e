import { expect, it } from 'vitest'
import { scheduleOf, webhookSchedule } from '../../../../src/delivery/webhook/webhook-schedule.ts'

it('follows the delays that Standard Webhooks recommends after the first attempt', () => {
  expect(webhookSchedule.map((ms) => ms / 1_000)).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400])
})

it.each([
  [true, 5, 5],
  [true, 0, 0],
  [true, -1, 0],
  [true, 50, 9],
  [false, 5, 0],
])('retryEnabled %s with maxRetries %i leaves %i retries', (retryEnabled, maxRetries, retries) => {
  expect(scheduleOf({ retryEnabled, maxRetries })).toEqual(webhookSchedule.slice(0, retries))
})
