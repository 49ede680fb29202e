import type { AcceptStore, LastRecord, ProgressMove, ProgressRow } from './accept-store.ts'
import type { Assignment } from './record-source.ts'

/**
 * Where one partition stands in this assignment. `row` is what the progress row holds, as this process last read or wrote
 * it; `position` is where it has got to. They differ only by records that nobody here handles: their row may be written up
 * to 250 ms later, and Kafka is only ever told `row`.
 */
export interface PartitionProgress {
  readonly assignment: Assignment
  readonly partition: number
  readonly exemptBelow: bigint
  /** Offsets below were accepted before, and the database has lost it; 0 when it has lost nothing. */
  readonly recoverBelow: bigint
  row: bigint
  position: bigint
  /** The last record below the position whose leader epoch is known; null when none was read in this assignment. */
  last: LastRecord | null
  /** The position was moved from outside a batch: the next batch is given up for a seek. */
  seek: boolean
  /** A chunk or an advance is under way; whoever comes next awaits it, so that compare-and-set never races ourselves. */
  busy: Promise<unknown> | null
}

/** A partition at the beginning of an assignment: where its row says. `known`: how far it is known to have been accepted. */
export function startAt(assignment: Assignment, { partition, next, exemptBelow }: ProgressRow, known: bigint): PartitionProgress {
  const recoverBelow = known > next ? known : 0n
  return { assignment, partition, exemptBelow, recoverBelow, row: next, position: next, last: null, seek: false, busy: null }
}

/** How far this process knows the partition to have been accepted, whatever the database remembers. */
export function knownOf({ row, recoverBelow }: PartitionProgress): bigint {
  return row > recoverBelow ? row : recoverBelow
}

/** What became of rows that were to be written: those that were, and those that held something else (null: gone). */
export interface Advanced {
  readonly written: readonly PartitionProgress[]
  readonly elsewhere: ReadonlyMap<PartitionProgress, bigint | null>
}

/**
 * Writes the rows of partitions that moved by skips alone, all in one statement. A partition that is busy comes later; a row
 * that did not hold what we believed is read.
 */
export async function advanceSkips(
  store: AcceptStore,
  group: string,
  topic: string,
  partitions: Iterable<PartitionProgress>,
): Promise<Advanced> {
  const moving = [...partitions].filter((partition) => partition.busy === null && isBehind(partition))
  if (moving.length === 0) return { written: [], elsewhere: new Map() }
  const moves = moving.map(({ partition, row, position, last }) => ({
    partition,
    expected: row,
    next: position,
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

/** Its row does not hold yet how far it got. */
export function isBehind(partition: PartitionProgress): boolean {
  return partition.position > partition.row && !partition.assignment.signal.aborted
}

async function advance(
  store: AcceptStore,
  group: string,
  topic: string,
  moving: readonly PartitionProgress[],
  moves: readonly ProgressMove[],
): Promise<Advanced> {
  const moved = new Set(await store.advance(group, topic, moves))
  for (const [index, partition] of moving.entries()) {
    if (moved.has(partition.partition)) partition.row = moves[index]?.next ?? partition.row
  }
  const strange = moving.filter(({ partition }) => !moved.has(partition))
  const rows = strange.length === 0 ? [] : await store.readProgress(group, topic)
  const found = new Map(rows.map((row) => [row.partition, row.next]))
  return {
    written: moving.filter(({ partition }) => moved.has(partition)),
    elsewhere: new Map(strange.map((partition) => [partition, found.get(partition.partition) ?? null])),
  }
}

/** The row holds something else than we left there: it is right, we go there. */
export function goOnAt(partition: PartitionProgress, row: bigint): void {
  partition.seek = row !== partition.position
  partition.row = row
  partition.position = row
  partition.last = null
}
