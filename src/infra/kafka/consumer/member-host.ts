import type { Clock } from '../../../std/clock.ts'
import type { SourceHandlers } from '../../../ingest/record-source.ts'
import type { GroupConsumerOptions } from './group-consumer.ts'
import type { UnpackShare } from '../records/unpack-budget.ts'

export interface MemberOptions extends GroupConsumerOptions {
  /** The largest value that is held whole when it comes compressed. */
  readonly maxEventBytes: number
  readonly clock: Clock
  readonly random: () => number
}

/** What outlives a member: the source that makes the next one. */
export interface MemberHost {
  readonly handlers: SourceHandlers
  isPaused(): boolean
  /** Bounds what is unpacked, over all groups of the process. */
  readonly unpacked: UnpackShare
  nextEpoch(): number
  /** The start positions of an assignment are set. */
  placed(): void
  /** A batch was handled. */
  progressed(): void
  /** kafkajs gave up for a reason that passes, and starts again by itself. */
  restarting(error: Error): void
  /** The handlers refused an assignment. */
  refused(error: Error): void
}
