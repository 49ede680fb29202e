import type { Clock } from '../../../std/clock.ts'
import type { SourceHandlers } from '../../../ingest/record-source.ts'
import type { GroupConsumerOptions } from './group-consumer.ts'
import type { UnpackShare } from '../records/unpack-budget.ts'

export interface MemberOptions extends GroupConsumerOptions {
  /** The largest compressed value that is unpacked into memory. */
  readonly maxEventBytes: number
  readonly clock: Clock
  readonly random: () => number
}

/** The source, which outlives a member and creates the next one. */
export interface MemberHost {
  readonly handlers: SourceHandlers
  isPaused(): boolean
  /** Partitions of which nothing is fetched. */
  held(): ReadonlySet<number>
  /** Limits unpacked bytes, over all groups of the process. */
  readonly unpacked: UnpackShare
  nextEpoch(): number
  /** The start offsets of an assignment are set. */
  onStartOffsetsSet(): void
  /** A batch was handled. */
  onProgress(): void
  /** kafkajs crashed for a transient reason, and restarts by itself. */
  onRestart(error: Error): void
  /** The handlers refused an assignment. */
  onRefused(error: Error): void
}
