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
    if (next < begin) losses.push(lossOf(partition, next, begin))
    if (end < to && end >= begin) losses.push(lossOf(partition, end, to))
    return losses
  })
}

function lossOf(partition: number, from: bigint, to: bigint): ReplayLoss {
  const count = to - from
  const sentence =
    count === 1n
      ? `Offset ${from} of partition ${partition} is no longer in the log and was not read.`
      : `${count} offsets of partition ${partition}, from ${from} to ${to - 1n}, are no longer in the log and were not read.`
  return { partition, from, to, sentence }
}
