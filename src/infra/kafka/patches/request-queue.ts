import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

/** The method as kafkajs ships it; a test compares its text, so that a new version is looked at before it is guarded. */
// oxlint-disable-next-line typescript/unbound-method -- called with the queue as `this`
export const unguardedSchedule = RequestQueue.prototype.scheduleCheckPendingRequests

/**
 * Stops the perpetual timer of kafkajs 2.2.4 (#1704): every connection re-arms a 1 ms timeout even when nothing waits, which costs 5 % of
 * an idle core and makes Node 24 warn of negative timeouts. With nothing pending and no throttle there is nothing to check: the next
 * `push`, or the next reply, calls this again.
 */
export function patchRequestQueue(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = scheduleWhenNeeded
}

const scheduleWhenNeeded: typeof unguardedSchedule = function schedule() {
  if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return
  unguardedSchedule.call(this)
}
