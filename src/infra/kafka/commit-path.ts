import type { Offsets } from 'kafkajs'
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js'
import { untilJoined } from './until-joined.ts'

/** One request in the generation of this very moment, never tried again; rejects as the broker says. */
export type Commit = (offsets: Offsets) => Promise<void>

/** The method as kafkajs ships it; a test compares its text, so that a new version is looked at before it is watched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the group as `this`
export const unwatchedJoin = ConsumerGroup.prototype.joinAndSync

const waiting = new WeakMap<object, (commit: Commit) => void>()

/**
 * Gives the commit of each group that `assigner` joins for, before the join. kafkajs 2.2.4 has it in the payload of a batch only, so a member
 * of partitions with nothing to read could not tell Kafka their rows until the next record, and whoever watches lag in Kafka would see one.
 * Its `consumer.commitOffsets()` is no way out: it tries again in whatever generation comes next.
 */
export function onGroup(assigner: object, joins: (commit: Commit) => void): void {
  waiting.set(assigner, joins)
  ConsumerGroup.prototype.joinAndSync = watchedJoin
}

const watchedJoin: typeof unwatchedJoin = function join() {
  for (const assigner of this.assigners) waiting.get(assigner)?.((offsets) => this.commitOffsets(offsets))
  return untilJoined(() => unwatchedJoin.call(this))
}
