import type { AcceptStore, ProgressRow } from './accept-store.ts'
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
  row: bigint
  position: bigint
  /** The position was moved from outside a batch: the next batch is given up for a seek. */
  seek: boolean
  /** A chunk or an advance is under way; whoever comes next awaits it, so that compare-and-set never races ourselves. */
  busy: Promise<unknown> | null
}

/** A partition at the beginning of an assignment: where its row says. */
export function startAt(assignment: Assignment, { partition, next, exemptBelow }: ProgressRow): PartitionProgress {
  return { assignment, partition, exemptBelow, row: next, position: next, seek: false, busy: null }
}

/**
 * Writes the rows of partitions that moved by skips alone, all in one statement, and returns those that were written. A
 * partition that is busy comes later. A row that did not hold what we believed is read, and the partition goes on from there:
 * further on when another owner got ahead, back (by a seek at its next batch) when the database went back in time.
 */
export async function advanceSkips(
  store: AcceptStore,
  group: string,
  topic: string,
  partitions: Iterable<PartitionProgress>,
): Promise<readonly PartitionProgress[]> {
  const moving = [...partitions].filter((partition) => partition.busy === null && isBehind(partition))
  if (moving.length === 0) return []
  const moves = moving.map(({ partition, row, position }) => ({ partition, expected: row, next: position }))
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
  moves: readonly { partition: number; expected: bigint; next: bigint }[],
): Promise<readonly PartitionProgress[]> {
  const written = new Set(await store.advance(group, topic, moves))
  for (const [index, partition] of moving.entries()) {
    if (written.has(partition.partition)) partition.row = moves[index]?.next ?? partition.row
  }
  const strange = moving.filter(({ partition }) => !written.has(partition))
  if (strange.length > 0) {
    const rows = new Map((await store.readProgress(group, topic)).map((row) => [row.partition, row.next]))
    for (const partition of strange) goOnAt(partition, rows.get(partition.partition) ?? partition.row)
  }
  return moving.filter(({ partition }) => written.has(partition))
}

/** The row holds something else than we left there: it is right, we go there. */
export function goOnAt(partition: PartitionProgress, row: bigint): void {
  partition.seek = row !== partition.position
  partition.row = row
  partition.position = row
}
