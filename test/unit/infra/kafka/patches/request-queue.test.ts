import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { patchRequestQueue, unpatchedSchedule } from '../../../../../src/infra/kafka/patches/request-queue.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  patchRequestQueue()
})
afterEach(() => vi.useRealTimers())

/** A queue of kafkajs without its connection; `checked` counts the checks that its timer made. */
function queue(state: { pending: readonly unknown[]; throttledUntil: number }) {
  const checks = vi.fn<() => void>()
  const scheduled = { ...state, throttleCheckTimeoutId: null, checkPendingRequests: checks }
  return { schedule: () => RequestQueue.prototype.scheduleCheckPendingRequests.call(scheduled), checks }
}

test('an idle queue starts no timer', () => {
  const { schedule } = queue({ pending: [], throttledUntil: -1 })
  schedule()
  expect(vi.getTimerCount()).toBe(0)
})

test('a queue with pending requests is checked after kafkajs’s own 10 ms', () => {
  const { schedule, checks } = queue({ pending: ['request'], throttledUntil: -1 })
  schedule()
  vi.advanceTimersByTime(10)
  expect(checks).toHaveBeenCalledOnce()
})

test('a throttled queue is checked when the throttle ends', () => {
  const { schedule, checks } = queue({ pending: [], throttledUntil: 1_000_500 })
  schedule()
  vi.advanceTimersByTime(499)
  expect(checks).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(checks).toHaveBeenCalledOnce()
})

test('kafkajs’s method is the one that the patch was written for', () => {
  expect(
    unpatchedSchedule
      .toString()
      .replaceAll(/\/\/.*/g, '')
      .replaceAll(/\s+/g, ' '),
  ).toMatchInlineSnapshot(
    `"scheduleCheckPendingRequests() { let scheduleAt = this.throttledUntil - Date.now() if (!this.throttleCheckTimeoutId) { if (this.pending.length > 0) { scheduleAt = scheduleAt > 0 ? scheduleAt : CHECK_PENDING_REQUESTS_INTERVAL } this.throttleCheckTimeoutId = setTimeout(() => { this.throttleCheckTimeoutId = null this.checkPendingRequests() }, scheduleAt) } }"`,
  )
})
