import type { Observe } from '../model/fact.ts'
import type { AcceptStore } from './accept-store.ts'
import type { StoredProgress } from './assigned-offsets.ts'
import { continueAt, lastAcceptedOf, startProgress, type PartitionProgress } from './partition-progress.ts'
import type { Assignment } from './record-source.ts'

/** The partitions that a group owns, each with its progress, compared with the progress rows whenever those are read. */
export interface OwnedPartitions {
  all(): Iterable<PartitionProgress>
  get(partition: number): PartitionProgress | undefined
  /** Partitions that are known to have had a progress row. */
  seen(): ReadonlySet<number>
  /**
   * Records how far each partition has been accepted; call it before the rows of a new assignment are read. A batch of the old assignment
   * may still be written after that, so a later record could exceed the rows that were read, as if they had gone back.
   */
  recordAccepted(): void
  /** Begins an assignment at the offsets of its rows. A row below what is known to have been accepted is reported once. */
  assign(assignment: Assignment, stored: StoredProgress): void
  /**
   * The row holds another offset than expected. Higher: another owner has accepted this far, or our own commit did and its answer was lost.
   * Lower, or gone (null): the database was restored to an older state, which affects all partitions; the assignment is restarted.
   */
  onRowMoved(progress: PartitionProgress, row: bigint | null): void
  /** Reads the rows of all owned partitions, and restarts the assignment when one of them went back. Rejects when the database does not answer. */
  recheck(): Promise<void>
  /**
   * Schedules a commit of the row's offset, except while events lost by the database are accepted again: the higher committed offset
   * shows the next owner that they were lost.
   */
  scheduleCommit(progress: PartitionProgress): void
}

export function createOwnedPartitions(of: {
  readonly group: string
  readonly topic: string
  readonly store: Pick<AcceptStore, 'readProgress'>
  readonly observe: Observe
  readonly seenPartitions: ReadonlySet<number>
  readonly commit: (assignment: Assignment, partition: number, offset: bigint) => void
  readonly restartAssignment: () => void
}): OwnedPartitions {
  const { group, topic, store, observe } = of
  let partitions = new Map<number, PartitionProgress>()
  /** The offset up to which each partition seen so far is known to have been accepted. */
  const lastAccepted = new Map<number, bigint>([...of.seenPartitions].map((partition) => [partition, 0n]))

  function seen(): ReadonlySet<number> {
    return new Set([...lastAccepted.keys(), ...partitions.keys()])
  }

  function recordAccepted(): void {
    for (const progress of partitions.values()) lastAccepted.set(progress.partition, lastAcceptedOf(progress))
  }

  function assign(assignment: Assignment, { rows, committed }: StoredProgress): void {
    const owned = new Map<number, PartitionProgress>()
    for (const row of rows) {
      const { partition, next } = row
      if (!assignment.partitions.includes(partition)) continue
      const before = partitions.get(partition)
      const commit = committed.get(partition)
      const ownCommit = commit?.isOwnCommit === true ? commit.offset : 0n
      const accepted = lastAccepted.get(partition) ?? 0n
      const progress = startProgress(assignment, row, ownCommit > accepted ? ownCommit : accepted)
      owned.set(partition, progress)
      const wasReported = before !== undefined && before.recoverBelow === progress.recoverBelow && next >= before.storedOffset
      if (progress.recoverBelow > 0n && !wasReported)
        observe({ is: 'row-moved', group, partition, expected: progress.recoverBelow, row: next, meaning: 'database-behind-kafka' })
      if (commit?.isOwnCommit === false && commit.offset !== next)
        observe({ is: 'offset-overruled', group, partition, committed: commit.offset, row: next })
      scheduleCommit(progress)
    }
    partitions = owned
  }

  function scheduleCommit(progress: PartitionProgress): void {
    if (progress.storedOffset >= progress.recoverBelow) of.commit(progress.assignment, progress.partition, progress.storedOffset)
  }

  function onRowMoved(progress: PartitionProgress, row: bigint | null): void {
    if (row === null || row < progress.storedOffset) return onRowsWentBack([{ progress, row }])
    observe({ is: 'row-moved', group, partition: progress.partition, expected: progress.storedOffset, row, meaning: 'another-owner' })
    continueAt(progress, row)
    scheduleCommit(progress)
  }

  async function recheck(): Promise<void> {
    // Taken before the rows are read: since then they can only have moved forward, unless the database went back.
    const expected = [...partitions.values()].map((progress) => ({ progress, storedOffset: progress.storedOffset }))
    if (expected.length === 0) return
    const rows = new Map((await store.readProgress(group, topic)).map(({ partition, next }) => [partition, next]))
    const actual = expected.map((each) => ({ ...each, row: rows.get(each.progress.partition) ?? null }))
    onRowsWentBack(actual.filter(({ storedOffset, row }) => row === null || row < storedOffset))
  }

  /** A lower row is reported by the new assignment; a missing row stops the group there. */
  function onRowsWentBack(all: readonly { readonly progress: PartitionProgress; readonly row: bigint | null }[]): void {
    if (all.length === 0) return
    for (const { progress, row } of all) {
      const { partition, storedOffset: expected } = progress
      if (row === null) observe({ is: 'row-moved', group, partition, expected, row, meaning: 'database-behind-kafka' })
    }
    of.restartAssignment()
  }

  return {
    all: () => partitions.values(),
    get: (partition) => partitions.get(partition),
    seen,
    recordAccepted,
    assign,
    onRowMoved,
    recheck,
    scheduleCommit,
  }
}
