import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

/** The method as kafkajs ships it; a test compares its text, so that a new version is reviewed before it is patched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the queue as `this`
export const unpatchedSchedule = RequestQueue.prototype.scheduleCheckPendingRequests

/**
 * Stops the perpetual timer of kafkajs 2.2.4 (#1704). Every connection re-arms a 1 ms timeout even when nothing is pending, which costs 5 %
 * of an idle core and makes Node 24 warn of negative timeouts. Without pending requests and throttling there is nothing to check; the next
 * `push` or response calls this again.
 */
export function patchRequestQueue(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = scheduleWhenNeeded
}

const scheduleWhenNeeded: typeof unpatchedSchedule = function schedule() {
  if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return
  unpatchedSchedule.call(this)
}
