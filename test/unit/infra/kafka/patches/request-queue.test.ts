import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { patchRequestQueue, unpatchedSchedule, unpatchedTimeoutCheck } from '../../../../../src/infra/kafka/patches/request-queue.ts'
import { functionText } from '../../../../support/function-text.ts'

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

/** Requests of kafkajs without their connection, sent now; `timedOut` are the times at which they timed out. */
function connection(requestTimeout: number, timeouts: readonly number[]) {
  const timedOut: number[] = []
  const inflight = new Map(
    timeouts.map((timeout, id) => {
      const timeoutRequest = () => {
        timedOut.push(Date.now() - 1_000_000)
        inflight.delete(id)
      }
      return [id, { sentAt: Date.now(), requestTimeout: timeout, timeoutRequest }]
    }),
  )
  const queue = {
    enforceRequestTimeout: true,
    requestTimeout,
    inflight,
    connected: true,
    isConnected: () => queue.connected,
    destroy: () => clearInterval(queue.requestTimeoutIntervalId),
    requestTimeoutIntervalId: undefined as NodeJS.Timeout | undefined,
  }
  RequestQueue.prototype.scheduleRequestTimeoutCheck.call(queue)
  return { queue, timedOut }
}

test('a request times out a thirtieth of the time late at most, and an open connection wakes the process once in that time', () => {
  const { timedOut } = connection(30_000, [30_000, 45_500])
  for (let wakes = 1; wakes <= 50; wakes++) {
    vi.advanceTimersToNextTimer()
    expect(Date.now()).toBe(1_000_000 + wakes * 1_000)
  }
  expect(timedOut).toEqual([31_000, 46_000])
})

test('a short timeout is checked as often as kafkajs does', () => {
  const { timedOut } = connection(1_000, [1_000])
  vi.advanceTimersByTime(2_000)
  expect(timedOut).toEqual([1_100])
})

test('a closed connection is not looked at again', () => {
  const { queue } = connection(30_000, [])
  queue.connected = false
  vi.advanceTimersByTime(1_000)
  expect(vi.getTimerCount()).toBe(0)
})

test('kafkajs’s methods are those that the patch was written for', () => {
  expect(functionText(unpatchedTimeoutCheck)).toMatchInlineSnapshot(
    `"scheduleRequestTimeoutCheck() { if (this.enforceRequestTimeout) { this.destroy() this.requestTimeoutIntervalId = setInterval(() => { this.inflight.forEach(request => { if (Date.now() - request.sentAt > request.requestTimeout) { request.timeoutRequest() } }) if (!this.isConnected()) { this.destroy() } }, Math.min(this.requestTimeout, 100)) } }"`,
  )
  expect(functionText(unpatchedSchedule)).toMatchInlineSnapshot(
    `"scheduleCheckPendingRequests() { let scheduleAt = this.throttledUntil - Date.now() if (!this.throttleCheckTimeoutId) { if (this.pending.length > 0) { scheduleAt = scheduleAt > 0 ? scheduleAt : CHECK_PENDING_REQUESTS_INTERVAL } this.throttleCheckTimeoutId = setTimeout(() => { this.throttleCheckTimeoutId = null this.checkPendingRequests() }, scheduleAt) } }"`,
  )
})
