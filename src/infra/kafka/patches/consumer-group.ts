import { setTimeout as pause } from 'node:timers/promises'
import type { Offsets } from 'kafkajs'
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js'
import { backoff } from '../../../std/backoff.ts'
import { asError } from '../client/client-error.ts'

/** Sends one commit request in the current generation and never retries it; rejects with the broker's error. */
export type Commit = (offsets: Offsets) => Promise<void>

/** The method as kafkajs ships it; a test compares its text, so that a new version is reviewed before it is patched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the group as `this`
export const unpatchedJoin = ConsumerGroup.prototype.joinAndSync

/** Likewise. */
// oxlint-disable-next-line typescript/unbound-method -- called with the group as `this`
export const unpatchedFetch = ConsumerGroup.prototype.fetch

export interface GroupWatch {
  /** Called before each join with the function that commits for the group once it has joined. */
  onJoin(commit: Commit): void
  /** A fetch from `from` held nothing for the application up to `next`: aborted records, control records, or a gap left by compaction. */
  onPassed(partition: number, from: bigint, next: bigint): void
}

const watches = new WeakMap<object, GroupWatch>()

/**
 * Watches the group that `assigner` joins for, and makes its joins retry.
 *
 * The commit function is passed on before the join. kafkajs 2.2.4 offers it in the payload of a batch only, so a member whose partitions
 * have nothing to read could not commit their rows until the next record, and Kafka would show a lag. `consumer.commitOffsets()` is no
 * substitute: it retries in whatever generation is current by then.
 *
 * Fetches that kafkajs skips without a batch are reported with the offset they started from, which its own event leaves out. Without it, a
 * gap behind an offset reset looks like a gap behind the last batch.
 */
export function onGroup(assigner: object, watch: GroupWatch): void {
  watches.set(assigner, watch)
  ConsumerGroup.prototype.joinAndSync = watchedJoin
  ConsumerGroup.prototype.fetch = watchedFetch
}

const watchedJoin: typeof unpatchedJoin = function join() {
  for (const assigner of this.assigners) watches.get(assigner)?.onJoin((offsets) => this.commitOffsets(offsets))
  return untilJoined(() => unpatchedJoin.call(this))
}

const watchedFetch: typeof unpatchedFetch = async function fetch(nodeId) {
  const waits = fetchWaits.get(this) ?? { usualMs: this.maxWaitTime, lastAt: performance.now() }
  fetchWaits.set(this, waits)
  // While partitions are paused, a fetch sends nothing and delays their resumption by its wait.
  if (this.paused().some(({ partitions }) => partitions.length > 0)) waits.lastAt = performance.now()
  const isQuiet = performance.now() - waits.lastAt >= QUIET_AFTER_MS
  // kafkajs sends heartbeats between fetches.
  this.maxWaitTime = isQuiet ? Math.max(waits.usualMs, Math.min(QUIET_WAIT_MS, this.sessionTimeout / 3)) : waits.usualMs
  const batches = await unpatchedFetch.call(this, nodeId)
  if (batches.some((batch) => !batch.isEmpty())) waits.lastAt = performance.now()
  for (const batch of batches) {
    if (!batch.isEmptyDueToFiltering()) continue
    const next = BigInt(batch.lastOffset()) + 1n
    for (const assigner of this.assigners) watches.get(assigner)?.onPassed(batch.partition, BigInt(batch.fetchedOffset), next)
  }
  return batches
}

/** By group: the wait that its options give, and when it last had records or paused partitions, by the monotonic clock. */
const fetchWaits = new WeakMap<object, { readonly usualMs: number; lastAt: number }>()

/**
 * A group that has had no records for so long lets brokers hold its fetches for longer, since most of the CPU of an idle daemon goes to its
 * requests. A record ends the wait at once, but a stop and a heartbeat wait for the fetch in flight. Milliseconds.
 */
const QUIET_AFTER_MS = 5_000
const QUIET_WAIT_MS = 1_000

/**
 * Retries a join; rejects only with an error on which kafkajs crashes and starts over. kafkajs 2.2.4 abandons a join at the first error
 * that is not a rebalance, and continues with its old membership. A coordinator that was still loading, or that the join never reached,
 * knows this member and accepts its heartbeats, so nothing would ever cause another join. Our assignment ended when the join began,
 * so the member would stay in its group and read nothing until another member joins or leaves.
 */
async function untilJoined(join: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await join()
    } catch (error) {
      if (isFinal(error)) throw error
      if (attempt === JOIN_ATTEMPTS)
        throw Object.assign(new Error(`joining the group failed: ${asError(error).message}`, { cause: error }), FINAL)
    }
    await pause(backoff(attempt, JOIN_BACKOFF))
  }
}

/** About ten seconds, as long as the retries of kafkajs take elsewhere. */
const JOIN_ATTEMPTS = 6
const JOIN_BACKOFF = { baseMs: 300, maxMs: 5_000 }

/** The property by which kafkajs recognises an error that ends its loop. */
const FINAL = { retriable: false }

function isFinal(error: unknown): boolean {
  return error instanceof Error && 'retriable' in error && error.retriable === false
}
