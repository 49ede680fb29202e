import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

/** The methods as kafkajs ships them; a test compares their texts, so that a new version is reviewed before it is patched. */
export const {
  // oxlint-disable-next-line typescript/unbound-method -- called with the queue as `this`
  scheduleCheckPendingRequests: unpatchedSchedule,
  // oxlint-disable-next-line typescript/unbound-method -- only its text is read
  scheduleRequestTimeoutCheck: unpatchedTimeoutCheck,
} = RequestQueue.prototype

/** A request may time out later than it should by this part of its time. */
const LATE = 1 / 30

/**
 * Stops the perpetual timer of kafkajs 2.2.4 (#1704). Every connection re-arms a 1 ms timeout even when nothing is pending, which costs 5 %
 * of an idle core and makes Node 24 warn of negative timeouts. Without pending requests and throttling there is nothing to check; the next
 * `push` or response calls this again.
 *
 * Every connection also looks ten times a second for requests that have timed out, after 30 s by default; here once a second.
 */
export function patchRequestQueue(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = scheduleWhenNeeded
  RequestQueue.prototype.scheduleRequestTimeoutCheck = checkTimeoutsSeldom
}

const scheduleWhenNeeded: typeof unpatchedSchedule = function schedule() {
  if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return
  unpatchedSchedule.call(this)
}

const checkTimeoutsSeldom: typeof unpatchedTimeoutCheck = function check() {
  if (!this.enforceRequestTimeout) return
  this.destroy()
  this.requestTimeoutIntervalId = setInterval(
    () => {
      for (const request of this.inflight.values()) if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest()
      if (!this.isConnected()) this.destroy()
    },
    Math.max(Math.min(this.requestTimeout, 100), this.requestTimeout * LATE),
  )
}
