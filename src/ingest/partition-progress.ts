import type { AcceptStore, LastRecord, ProgressMove, ProgressRow } from './accept-store.ts'
import type { Assignment } from './record-source.ts'

/**
 * Progress of one partition in the current assignment. `storedOffset` is the value of the progress row, as last read or written by this
 * process; `nextOffset` is the next offset to read. They differ only by skipped records, whose progress is written up to 250 ms
 * later. Only `storedOffset` is committed to Kafka.
 */
export interface PartitionProgress {
  readonly assignment: Assignment
  readonly partition: number
  readonly exemptBelow: bigint
  /** Lower offsets were accepted before and lost by the database; 0 when nothing was lost. */
  readonly recoverBelow: bigint
  storedOffset: bigint
  nextOffset: bigint
  /** The last record below `nextOffset` with a known leader epoch; null when none was read in this assignment. */
  last: LastRecord | null
  /** `nextOffset` was moved outside a batch: the next batch is discarded for a seek. */
  needsSeek: boolean
  /** The write in flight, if any. Writes to one partition are serialised by it, so that their compare-and-sets do not conflict. */
  busy: Promise<unknown> | null
}

/** A partition at the start of an assignment, at the offset of its row. `lastAccepted`: the offset up to which it is known to have been accepted. */
export function startProgress(
  assignment: Assignment,
  { partition, next, exemptBelow }: ProgressRow,
  lastAccepted: bigint,
): PartitionProgress {
  const recoverBelow = lastAccepted > next ? lastAccepted : 0n
  return {
    assignment,
    partition,
    exemptBelow,
    recoverBelow,
    storedOffset: next,
    nextOffset: next,
    last: null,
    needsSeek: false,
    busy: null,
  }
}

/** The offset up to which this process knows the partition to have been accepted, even if the database has lost it. */
export function lastAcceptedOf({ storedOffset, recoverBelow }: PartitionProgress): bigint {
  return storedOffset > recoverBelow ? storedOffset : recoverBelow
}

/** Partitions whose row was written, and those whose row held another offset (null: the row is gone). */
export interface AdvanceResult {
  readonly written: readonly PartitionProgress[]
  readonly conflicts: ReadonlyMap<PartitionProgress, bigint | null>
}

/**
 * Writes the rows of partitions that moved by skipped records only, in one statement. Busy partitions are left for later; rows that held
 * another offset than expected are read.
 */
export async function writeSkippedProgress(
  store: Pick<AcceptStore, 'advance' | 'readProgress'>,
  group: string,
  topic: string,
  partitions: Iterable<PartitionProgress>,
): Promise<AdvanceResult> {
  const moving = [...partitions].filter((partition) => partition.busy === null && hasUnwrittenProgress(partition))
  if (moving.length === 0) return { written: [], conflicts: new Map() }
  const moves = moving.map(({ partition, storedOffset, nextOffset, last }) => ({
    partition,
    expected: storedOffset,
    next: nextOffset,
    ...(last === null ? {} : { last }),
  }))
  const work = advance(store, group, topic, moving, moves)
  for (const partition of moving) partition.busy = work
  try {
    return await work
  } finally {
    for (const partition of moving) partition.busy = null
  }
}

/** Whether `nextOffset` is ahead of the row. */
export function hasUnwrittenProgress(partition: PartitionProgress): boolean {
  return partition.nextOffset > partition.storedOffset && !partition.assignment.signal.aborted
}

async function advance(
  store: Pick<AcceptStore, 'advance' | 'readProgress'>,
  group: string,
  topic: string,
  moving: readonly PartitionProgress[],
  moves: readonly ProgressMove[],
): Promise<AdvanceResult> {
  const moved = new Set(await store.advance(group, topic, moves))
  for (const [index, partition] of moving.entries()) {
    if (moved.has(partition.partition)) partition.storedOffset = moves[index]?.next ?? partition.storedOffset
  }
  const conflicting = moving.filter(({ partition }) => !moved.has(partition))
  const rows = conflicting.length === 0 ? [] : await store.readProgress(group, topic)
  const offsets = new Map(rows.map((row) => [row.partition, row.next]))
  return {
    written: moving.filter(({ partition }) => moved.has(partition)),
    conflicts: new Map(conflicting.map((partition) => [partition, offsets.get(partition.partition) ?? null])),
  }
}

/** Continues at the offset of the row, which was changed by another owner. */
export function continueAt(partition: PartitionProgress, row: bigint): void {
  partition.needsSeek = row !== partition.nextOffset
  partition.storedOffset = row
  partition.nextOffset = row
  partition.last = null
}
