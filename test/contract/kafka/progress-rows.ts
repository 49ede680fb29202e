import type { Assignment, PartitionBatch, SourceHandlers } from '../../../src/ingest/record-source.ts'
import { valuesOf } from './source-fixture.ts'

/**
 * Progress rows in memory, shared by the members of one group: what they accept, and what they would have accepted wrongly. With `mayOverlap`
 * refusals are not faults: members that no coordinator has received heartbeats from for a session may own partitions assigned to others.
 */
export function progressRows({ mayOverlap = false } = {}) {
  const rows = new Map<number, bigint>()
  const accepted: string[] = []
  const faults: string[] = []
  const running = new Set<number>()
  const fault = (what: string) => void (mayOverlap || faults.push(what))
  return {
    rows,
    accepted,
    faults,
    /** Handlers of a member that accept by compare-and-set, each batch taking `takeMs`. */
    handlers(takeMs: () => Promise<void>): Pick<SourceHandlers, 'assigned' | 'batch'> {
      return {
        assigned: (assignment: Assignment) =>
          Promise.resolve(new Map(assignment.partitions.map((partition) => [partition, rows.get(partition) ?? 0n]))),
        batch: async (batch: PartitionBatch) => {
          const { partition, assignment, nextOffset } = batch
          if (running.has(partition)) fault(`partition ${partition} ran twice at once`)
          running.add(partition)
          await takeMs()
          running.delete(partition)
          if (assignment.signal.aborted) return batch.records[0]?.offset ?? nextOffset
          const row = rows.get(partition) ?? 0n
          if (batch.records[0]?.offset !== row) {
            fault(`partition ${partition} is at ${row}, the batch begins at ${batch.records[0]?.offset}`)
            return row
          }
          rows.set(partition, nextOffset)
          accepted.push(...valuesOf(batch).map((value) => `${partition}:${value}`))
          return nextOffset
        },
      }
    },
  }
}
