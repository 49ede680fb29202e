/** The port to the log, in terms of partition batches, offsets and commits. Every adapter passes the same contract suite. */

export type HeaderValue = Buffer | readonly Buffer[]

/** One record as stored by the broker. */
export interface LogRecord {
  readonly offset: bigint
  /** The record's own timestamp, milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, HeaderValue | undefined>>
  /** The values of the header of this name, in ASCII, as UTF-8: what most records are read for, without creating the other headers. */
  headerTexts?(name: string, recurs?: boolean): readonly string[]
  /** Leader epoch at the time it was appended; missing when the log format has none. */
  readonly leaderEpoch?: number
  /** Size of a record that was too large to be kept in memory; its value is null then, and key and headers may be missing. */
  readonly omittedBytes?: number
}

/** The partitions a member owns from one rebalance to the next. */
export interface Assignment {
  /** Counts the joins of this source; a larger epoch is later. */
  readonly epoch: number
  readonly topic: string
  readonly partitions: readonly number[]
  /** Aborts when the assignment ends: the member rejoins, stops or loses its session. */
  readonly signal: AbortSignal
}

/** Records of one partition in offset order. Gaps (compaction, control records) are normal: continue at `nextOffset`. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly LogRecord[]
  /** The offset at which the partition continues after this batch. */
  readonly nextOffset: bigint
  readonly highWatermark: bigint
  readonly assignment: Assignment
}

export interface SourceHandlers {
  /**
   * Called at every join before the first fetch, while all partitions of the new assignment are paused. Returns the start offset of
   * each partition; a missing partition stays paused. Throwing ends the source with that error.
   */
  assigned(assignment: Assignment): Promise<ReadonlyMap<number, bigint>>
  /**
   * Handles one batch and returns the offset at which the partition continues: `nextOffset`, or another one to seek to. At most one call
   * per partition at a time; the member heartbeats meanwhile. It must settle soon after `assignment.signal` aborts, and must not throw (an
   * error is a bug: the source reports it and fetches the batch again).
   */
  batch(batch: PartitionBatch): Promise<bigint>
  /** Reports an event of the source. */
  report(report: SourceReport): void
}

export type SourceReport =
  | { readonly is: 'joined'; readonly epoch: number; readonly partitions: readonly number[]; readonly memberId: string }
  | { readonly is: 'assignment-ended'; readonly epoch: number; readonly reason: string }
  | { readonly is: 'crashed'; readonly error: Error; readonly rebuildInMs: number; readonly crashes: number }
  | { readonly is: 'committing'; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'committed'; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'commit-failed'; readonly error: Error }
  /** A gap: there is nothing to deliver between `from`, the end of the last batch or report, and `next` (aborted transactions, markers, compaction). */
  | { readonly is: 'passed'; readonly partition: number; readonly from: bigint; readonly next: bigint }
  | { readonly is: 'handler-escaped'; readonly error: Error; readonly partition: number }
  /** A log line of the client, with a lower level for errors that it retries by itself. */
  | { readonly is: 'client-log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string; readonly detail: object }

/** Progress markers of the client, for the watchdog. */
export interface ClientActivity {
  /** Counts fetches and responses of brokers. */
  readonly fetches: number
  /** Counts heartbeats (successful or refused), joins and restarts: it is a member, or tries to become one. */
  readonly heartbeats: number
  /** The longest time between two changes of either counter. */
  readonly withinMs: number
}

export interface RecordSource {
  /** Joins the group; resolves at the first join whose start offsets are set. Rejects when the group cannot be joined. */
  start(handlers: SourceHandlers): Promise<void>
  /** Stops fetching from all partitions, now and in later assignments, until {@link resume}; batches in flight continue. */
  pause(): void
  resume(): void
  /** Fetches nothing of these partitions, now and in later assignments, until the next call; batches in flight continue. */
  hold(partitions: ReadonlySet<number>): void
  /**
   * Ends the assignment and starts it again, as a rebalance would, so that `assigned` is called for new start offsets. Does nothing
   * without an assignment, or when a join is pending.
   */
  restartAssignment(): void
  /**
   * Commits offsets, fenced by the epoch: resolves to false without sending when the assignment has ended or the client cannot commit in
   * it (the next owner starts at the progress row). Errors of the broker are reported, and resolve to false as well.
   */
  commit(assignment: Assignment, offsets: ReadonlyMap<number, bigint>): Promise<boolean>
  /**
   * Stops fetching, waits for running batches, calls `flush` while the member may still commit, leaves the group and
   * disconnects. Idempotent; the same promise for every caller.
   */
  stop(flush?: () => Promise<void>): Promise<void>
  /**
   * Null before the start and after a stop. Unless the client is dead, both counters change within `withinMs`, whatever the brokers do and
   * also while paused; a batch in flight holds back `fetches`.
   */
  activity(): ClientActivity | null
  /** Settles when the source has ended: resolves after stop, rejects when it cannot recover by itself. */
  readonly ended: Promise<void>
}
