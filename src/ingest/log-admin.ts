import { OperatorError } from '../std/failure.ts'

export interface PartitionRange {
  /** Offset of the oldest record in the log. */
  readonly low: bigint
  /** Offset of the next record to be written (the end of the log). */
  readonly high: bigint
}

/** The brokers deny access or their certificate is not trusted: retrying does not help. */
export class LogAccessRefused extends OperatorError {}

/** An offset committed to Kafka; `isOwnCommit`: by this program, not by another tool. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly isOwnCommit: boolean
}

/** The port to Kafka's administration, for preflight, start offsets and lag metrics. One long-lived client. */
export interface LogAdmin {
  /** Connects. @throws {OperatorError} no broker answers; {@link LogAccessRefused} when access is denied. */
  connect(signal?: AbortSignal): Promise<void>
  /** Partition counts of those of the topics that exist. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Creates a topic; resolves to false when it already exists. */
  createTopic(topic: {
    name: string
    partitions: number
    replicationFactor?: number
    config?: Readonly<Record<string, string>>
  }): Promise<boolean>
  /** Increases the number of partitions to `partitions`; never removes any. */
  growTopic(name: string, partitions: number): Promise<void>
  /** Topic settings such as `retention.ms`. */
  topicConfig(name: string): Promise<ReadonlyMap<string, string>>
  ranges(topic: string): Promise<ReadonlyMap<number, PartitionRange>>
  /** The topic id, which changes when a topic is recreated; null when the brokers are too old to have topic ids. */
  topicId(topic: string): Promise<string | null>
  /**
   * By partition, the end offset of a leader epoch and all epochs before it in the current log: if the log was truncated below a record,
   * the record's epoch ends below it (KIP-320). Null: the brokers know only older epochs. Missing: unknown.
   */
  epochEnds(topic: string, epochs: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, bigint | null>>
  /** The offset of the first record at or after `time`, or the end of the log when there is none. */
  offsetsAt(topic: string, time: Date): Promise<ReadonlyMap<number, bigint>>
  /** Committed offsets of a group; partitions without a commit are missing. Never writes. */
  committed(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>
  /** Same as `committed`, with who committed each offset. */
  committedWithOwner(group: string, topic: string): Promise<ReadonlyMap<number, CommittedOffset>>
  /** Moves a group's committed offsets; throws while the group has members. */
  setCommitted(group: string, topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void>
  /** Kafka's group state (`Stable`, `Empty`, `Dead`, ...) and the number of members. */
  groupState(group: string): Promise<{ readonly state: string; readonly members: number }>
  disconnect(): Promise<void>
}
