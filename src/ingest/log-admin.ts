import { OperatorError } from '../std/failure.ts'

/** The port to the log's administration: what the boot, the start positions and the lag metrics ask. One long-lived client. */

export interface PartitionRange {
  /** Offset of the oldest record still held. */
  readonly low: bigint
  /** Offset that the next record will get. */
  readonly high: bigint
}

/** The log is there and does not let us in, or cannot be trusted: asking again does not help. */
export class LogAccessRefused extends OperatorError {}

/** What a group has committed; `ours`: by a record source of this program, not by a tool. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly ours: boolean
}

export interface LogAdmin {
  /** Connects; throws an OperatorError that names the brokers when none answers, {@link LogAccessRefused} when they do not let us in. */
  connect(signal?: AbortSignal): Promise<void>
  /** Partition counts of the topics that exist, out of those asked for. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Creates a topic; resolves to false when it exists already. */
  createTopic(topic: {
    name: string
    partitions: number
    replicationFactor?: number
    config?: Readonly<Record<string, string>>
  }): Promise<boolean>
  /** Adds partitions up to `partitions`; never removes any. */
  growTopic(name: string, partitions: number): Promise<void>
  /** Topic settings such as `retention.ms`. */
  topicConfig(name: string): Promise<ReadonlyMap<string, string>>
  ranges(topic: string): Promise<ReadonlyMap<number, PartitionRange>>
  /** What a topic that is made anew does not share with the old one of its name; null when the brokers are too old to have ids. */
  topicId(topic: string): Promise<string | null>
  /**
   * By partition, where the records of a leader epoch and of all before it end in the log of today: a log that was cut below a record that
   * was read ends that record's epoch below it (KIP-320). Null: the brokers know only older epochs. A partition that is missing: unknown.
   */
  epochEnds(topic: string, epochs: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, bigint | null>>
  /** The offset of the first record at or after `time`, or high when there is none. */
  offsetsAt(topic: string, time: Date): Promise<ReadonlyMap<number, bigint>>
  /** Committed offsets of a group; a partition without a commit is missing. Never writes. */
  committed(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>
  /** The same, with who committed them. */
  commits(group: string, topic: string): Promise<ReadonlyMap<number, CommittedOffset>>
  /** Moves a group's committed offsets; throws while the group has members. */
  setCommitted(group: string, topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void>
  /** Kafka's own word (`Stable`, `Empty`, `Dead`, ...) and how many members. */
  groupState(group: string): Promise<{ readonly state: string; readonly members: number }>
  disconnect(): Promise<void>
}
