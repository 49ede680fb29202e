import type { Offsets } from 'kafkajs'
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js'
import { untilJoined } from './until-joined.ts'

/** One request in the generation of this very moment, never tried again; rejects as the broker says. */
export type Commit = (offsets: Offsets) => Promise<void>

/** The method as kafkajs ships it; a test compares its text, so that a new version is looked at before it is watched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the group as `this`
export const unwatchedJoin = ConsumerGroup.prototype.joinAndSync

/** Likewise. */
// oxlint-disable-next-line typescript/unbound-method -- called with the group as `this`
export const unwatchedFetch = ConsumerGroup.prototype.fetch

export interface GroupWatch {
  /** By what the group commits once it has joined. */
  onJoin(commit: Commit): void
  /** Hears of a fetch from `from` that holds nothing for us up to `next`: aborted records, control records, what compaction took away. */
  onPassed(partition: number, from: bigint, next: bigint): void
}

const watches = new WeakMap<object, GroupWatch>()

/**
 * Gives the commit of each group that `assigner` joins for, before the join. kafkajs 2.2.4 has it in the payload of a batch only, so a member
 * of partitions with nothing to read could not tell Kafka their rows until the next record, and whoever watches lag in Kafka would see one.
 * Its `consumer.commitOffsets()` is no way out: it tries again in whatever generation comes next.
 *
 * And tells what kafkajs passes without a batch, with the offset that was fetched from, which its own event leaves out: without it a hole
 * behind an offset reset looks like one behind what was read.
 */
export function onGroup(assigner: object, watch: GroupWatch): void {
  watches.set(assigner, watch)
  ConsumerGroup.prototype.joinAndSync = watchedJoin
  ConsumerGroup.prototype.fetch = watchedFetch
}

const watchedJoin: typeof unwatchedJoin = function join() {
  for (const assigner of this.assigners) watches.get(assigner)?.onJoin((offsets) => this.commitOffsets(offsets))
  return untilJoined(() => unwatchedJoin.call(this))
}

const watchedFetch: typeof unwatchedFetch = async function fetch(nodeId) {
  const batches = await unwatchedFetch.call(this, nodeId)
  for (const batch of batches) {
    if (!batch.isEmptyDueToFiltering()) continue
    const next = BigInt(batch.lastOffset()) + 1n
    for (const assigner of this.assigners) watches.get(assigner)?.onPassed(batch.partition, BigInt(batch.fetchedOffset), next)
  }
  return batches
}
