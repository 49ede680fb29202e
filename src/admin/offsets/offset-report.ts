import type { ProgressRow } from '../../ingest/accept-store.ts'
import type { PartitionRange } from '../../ingest/log-admin.ts'
import { truncatedAt, isRecreated } from '../../ingest/log-faults.ts'

/**
 * A partition's state in a word: `ok`; `not-started`: the group has no progress at all; `no-row`: neither, though Kafka has
 * committed offsets; `new-partition`: the group's other partitions have rows; `data-lost`, `topic-recreated` and `log-cut`: the log is not
 * the one that the row was written for, or does not hold it; `commit-above-row` and `commit-behind-row`: Kafka's report differs from the row, which counts.
 */
type OffsetState =
  'ok' | 'not-started' | 'no-row' | 'new-partition' | 'data-lost' | 'topic-recreated' | 'log-cut' | 'commit-above-row' | 'commit-behind-row'

export interface PartitionOffsets {
  readonly partition: number
  /** What the progress row holds: where the group goes on. */
  readonly row: bigint | null
  readonly committed: bigint | null
  /** Null when the topic has no such partition. */
  readonly low: bigint | null
  readonly high: bigint | null
  /** Records from the row to the end; null without a row in the log. */
  readonly lag: bigint | null
  readonly state: OffsetState
  /** For a human; null when all is well. */
  readonly sentence: string | null
}

export interface OffsetQuestion {
  readonly rows: readonly ProgressRow[]
  readonly committed: ReadonlyMap<number, bigint>
  readonly ranges: ReadonlyMap<number, PartitionRange>
  /** Null when the brokers have no topic ids. */
  readonly topicId: string | null
  /** Where the leader epochs of the rows' last records end; see {@link LogAdmin.epochEnds}. */
  readonly epochEnds: ReadonlyMap<number, bigint | null>
  /** Members of the group; while some run, their commits come a moment after the rows. */
  readonly members: number
}

/** The offsets of a group, by partition number. Read commits first, then rows, then ranges; in another order they seem to contradict each other. */
export function reportOffsets(question: OffsetQuestion): readonly PartitionOffsets[] {
  const rows = new Map(question.rows.map((row) => [row.partition, row]))
  return [...new Set([...question.ranges.keys(), ...rows.keys()])]
    .sort((a, b) => a - b)
    .map((partition) => reportPartition(question, partition, rows.get(partition) ?? null))
}

function reportPartition(question: OffsetQuestion, partition: number, found: ProgressRow | null): PartitionOffsets {
  const row = found?.next ?? null
  const committed = question.committed.get(partition) ?? null
  const range = question.ranges.get(partition) ?? null
  const inLog = row !== null && range !== null && row >= range.low && row <= range.high
  return {
    partition,
    row,
    committed,
    low: range?.low ?? null,
    high: range?.high ?? null,
    lag: inLog ? range.high - row : null,
    ...(otherLog(question, found) ?? judge(question, row, committed, range)),
  }
}

/** What is wrong with the log that a row speaks of; null when nothing is known to be. */
function otherLog({ topicId, epochEnds }: OffsetQuestion, row: ProgressRow | null): { state: OffsetState; sentence: string } | null {
  if (row === null) return null
  if (isRecreated(row, topicId))
    return {
      state: 'topic-recreated',
      sentence: 'the topic was deleted and recreated since the group read it; what it holds now has not been read',
    }
  const cut = truncatedAt(row, epochEnds.get(row.partition))
  if (cut === null) return null
  return {
    state: 'log-cut',
    sentence: `the log was truncated at ${cut}, below the last record read; records written there since have not been read`,
  }
}

function judge(
  question: OffsetQuestion,
  row: bigint | null,
  committed: bigint | null,
  range: PartitionRange | null,
): { state: OffsetState; sentence: string | null } {
  if (range === null) return { state: 'topic-recreated', sentence: 'the topic has no such partition any more (was it recreated?)' }
  if (row === null) return judgeMissing(question)
  if (row < range.low) {
    return { state: 'data-lost', sentence: `records ${row} to ${range.low - 1n} were deleted before the group had read them` }
  }
  if (row > range.high)
    return { state: 'topic-recreated', sentence: `the log ends at ${range.high}, before the row (was the topic recreated?)` }
  if (committed !== null && committed > row) {
    const sentence = `Kafka's committed offset ${committed} is above the row, which decides (was the database restored, or the offset set by Kafka's own tool?)`
    return { state: 'commit-above-row', sentence }
  }
  if (committed !== null && committed < row && question.members === 0) {
    return {
      state: 'commit-behind-row',
      sentence: `Kafka's committed offset ${committed} is behind the row, which decides; the group's next start reports it`,
    }
  }
  return { state: 'ok', sentence: null }
}

function judgeMissing({ rows, committed }: OffsetQuestion): { state: OffsetState; sentence: string } {
  if (rows.length > 0) return { state: 'new-partition', sentence: 'no progress row yet; the group will start at its beginning' }
  if (committed.size > 0) {
    return {
      state: 'no-row',
      sentence: 'Kafka has committed offsets, but this database has no progress of the group (a wrong or emptied database?)',
    }
  }
  return { state: 'not-started', sentence: 'the group has never run here' }
}
