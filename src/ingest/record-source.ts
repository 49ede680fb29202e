/**
 * The port to the log. It speaks of partition batches, positions and commits, not of a client library; every adapter
 * passes the one contract suite, chaos included.
 */

export type HeaderValue = Buffer | readonly Buffer[]

/** One record as the broker holds it. */
export interface LogRecord {
  readonly offset: bigint
  /** The record's own timestamp, milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, HeaderValue | undefined>>
  /** Of the leader that appended it; missing where the format of the log has none. */
  readonly leaderEpoch?: number
  /** Given when the record is too large to be held: its size. The value is null then, and key and headers may be left out too. */
  readonly omittedBytes?: number
}

/** What a member owns from one join of the group to the next. */
export interface Assignment {
  /** Counts the joins of this source; larger is later. */
  readonly epoch: number
  readonly topic: string
  readonly partitions: readonly number[]
  /** Aborts when the assignment ends: the member joins again, stops or loses its session. */
  readonly signal: AbortSignal
}

/** Records of one partition in offset order. Holes (compaction, control records) are normal; go by `nextOffset`. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly LogRecord[]
  /** Where the partition goes on after this batch. */
  readonly nextOffset: bigint
  readonly highWatermark: bigint
  readonly assignment: Assignment
}

export interface SourceHandlers {
  /**
   * Called at every join before the first fetch of the new assignment, all its partitions paused: returns where each
   * starts. A partition left out stays paused. Throwing ends the source with that error.
   */
  assigned(assignment: Assignment): Promise<ReadonlyMap<number, bigint>>
  /**
   * Handles one batch and returns the offset at which the partition goes on: `nextOffset`, or a seek. At most one call per
   * partition at a time, each a part of what was fetched; while it runs the member heartbeats. It must settle soon after `assignment.signal` aborts, and
   * must not throw (what escapes is a bug: the source reports it and fetches the same batch again).
   */
  batch(batch: PartitionBatch): Promise<bigint>
  /** Something worth telling, for the observer. */
  report(report: SourceReport): void
}

export type SourceReport =
  | { readonly is: 'joined'; readonly epoch: number; readonly partitions: readonly number[]; readonly memberId: string }
  | { readonly is: 'assignment-ended'; readonly epoch: number; readonly reason: string }
  | { readonly is: 'crashed'; readonly error: Error; readonly rebuildInMs: number; readonly crashes: number }
  | { readonly is: 'committing'; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'committed'; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'commit-failed'; readonly error: Error }
  /** Nothing is left to deliver between `from`, where the last batch or this report ended, and `next`: aborted transactions, markers, compaction. */
  | { readonly is: 'passed'; readonly partition: number; readonly from: bigint; readonly next: bigint }
  | { readonly is: 'handler-escaped'; readonly error: Error; readonly partition: number }
  /** The client's own log line, level lowered for what it retries by itself. */
  | { readonly is: 'client-log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string; readonly detail: object }

/** The client's signs of life, counted. */
export interface Pulse {
  /** It turns: fetches, and answers of brokers. */
  readonly beats: number
  /** It is a member, or tries to be one: heartbeats that the broker took or refused, joins, new beginnings. */
  readonly heartbeats: number
  readonly withinMs: number
}

export interface RecordSource {
  /** Joins the group; resolves at the first join whose start positions are set. Rejects when the group cannot be joined. */
  start(handlers: SourceHandlers): Promise<void>
  /** Stops fetching from all partitions, now and in later assignments, until {@link resume}; batches under way go on. */
  pause(): void
  resume(): void
  /**
   * Ends the assignment and begins it anew, as a join would, so that `assigned` is asked for start positions again. Does
   * nothing while there is none, or a join is about to do it.
   */
  replace(): void
  /**
   * Tells Kafka where the group stands, fenced by the epoch: resolves to false without sending when the assignment has
   * ended or the client cannot commit in it (the next owner starts at the progress row, which is the truth). Errors of the
   * broker are reported and give false too.
   */
  commit(assignment: Assignment, offsets: ReadonlyMap<number, bigint>): Promise<boolean>
  /**
   * Stops fetching, waits for running batches, calls `flush` while the member may still commit, leaves the group and
   * disconnects. Idempotent; the same promise for every caller.
   */
  stop(flush?: () => Promise<void>): Promise<void>
  /**
   * Null before the start and from a stop on. Whatever the brokers do, and also while it is paused, the next sign of each kind comes within
   * `withinMs`, unless the client is dead; a batch under way holds back those that it turns.
   */
  pulse(): Pulse | null
  /** Settles when the source has ended: resolves after stop, rejects when it cannot recover by itself. */
  readonly ended: Promise<void>
}
