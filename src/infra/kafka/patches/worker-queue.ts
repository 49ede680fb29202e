import Runner from 'kafkajs/src/consumer/runner.js'

// oxlint-disable-next-line typescript/unbound-method -- called with the runner as `this`
const unpatchedFetch = Runner.prototype.fetch

/**
 * Handles the batches of a fetch directly, all at the same time. kafkajs 2.2.4 creates one worker per batch that may be handled at the same
 * time, and wakes every one of them after each fetch, even one without records. For a thousand workers that takes 160 µs, a fifth of a core
 * where events arrive one by one at 500 per second in three groups.
 */
export function patchWorkerQueue(): void {
  Runner.prototype.fetch = fetchForDirectHandling
}

const fetchForDirectHandling: typeof unpatchedFetch = function fetch(nodeId) {
  // All fetchers share one queue, which the public parts of kafkajs do not reach before the first fetch.
  const [fetcher] = this.fetchManager.getFetchers()
  if (fetcher !== undefined) {
    fetcher.getWorkerQueue().push = async (...batches) => {
      const handled = await Promise.allSettled(batches.map((batch) => this.handleBatch(batch)))
      const failed = handled.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    }
  }
  return unpatchedFetch.call(this, nodeId)
}
