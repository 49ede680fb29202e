import type { PartitionRange } from './log-admin.ts'
import type { ReplayLoss, ReplayRange } from './replay-job.ts'

/**
 * The offsets of the ranges that were not read and cannot be: below the beginning of the log, which retention moves, and above its end, which moves down
 * when a broker loses its latest records. A partition that is not in `logs` counts as whole.
 */
export function lossesOf(ranges: readonly ReplayRange[], logs: ReadonlyMap<number, PartitionRange>): readonly ReplayLoss[] {
  return ranges.flatMap(({ partition, next, to }) => {
    const log = logs.get(partition)
    if (log === undefined || next >= to) return []
    const begin = log.low < to ? log.low : to
    const end = log.high > next ? log.high : next
    const losses: ReplayLoss[] = []
    if (next < begin) losses.push({ partition, from: next, to: begin })
    if (end < to && end >= begin) losses.push({ partition, from: end, to })
    return losses
  })
}
