import type { AcceptStore } from './accept-store.ts'
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
  /** A chunk or an advance is under way; whoever comes next awaits it, so that compare-and-set never races ourselves. */
  busy: Promise<unknown> | null
}

/**
 * Writes the rows of partitions that moved by skips alone, all in one statement. A row that did not hold what we believed is
 * left for the next accept, which reads it and decides.
 */
export async function advanceSkips(
  store: AcceptStore,
  group: string,
  topic: string,
  partitions: Iterable<PartitionProgress>,
): Promise<PartitionProgress[]> {
  const moved = [...partitions].filter(
    (partition) => partition.busy === null && partition.position > partition.row && !partition.assignment.signal.aborted,
  )
  if (moved.length === 0) return []
  const moves = moved.map(({ partition, row, position }) => ({ partition, expected: row, next: position }))
  const advance = store.advance(group, topic, moves)
  for (const partition of moved) partition.busy = advance
  try {
    const written = new Set(await advance)
    const advanced = moved.filter(({ partition }) => written.has(partition))
    for (const [index, partition] of moved.entries()) {
      if (written.has(partition.partition)) partition.row = moves[index]?.next ?? partition.row
    }
    return advanced
  } finally {
    for (const partition of moved) partition.busy = null
  }
}
