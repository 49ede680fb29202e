import type { Clock } from '../../std/clock.ts'
import type { SourceHandlers } from '../../worker/record-source.ts'
import type { GroupConsumerOptions } from './group-consumer.ts'

export interface MemberOptions extends GroupConsumerOptions {
  readonly clock: Clock
  readonly random: () => number
}

/** What outlives a member: the source that makes the next one. */
export interface MemberHost {
  readonly handlers: SourceHandlers
  isPaused(): boolean
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
