import type { PartitionRange } from './log-admin.ts'
import type { ReplayRange } from './replay-job.ts'

/** Offsets of a range that its log does not have any more; `from` included, `to` excluded. */
export interface ReplayLoss {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/**
 * What of the ranges was not read and cannot be: below the beginning of the log, which retention moves, and above its end, which moves down
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

/** Such as `4 offsets of partition 0, from 10 to 13, are no longer in the log and were not read.` */
export function lossSentence({ partition, from, to }: ReplayLoss): string {
  const count = to - from
  return count === 1n
    ? `Offset ${from} of partition ${partition} is no longer in the log and was not read.`
    : `${count} offsets of partition ${partition}, from ${from} to ${to - 1n}, are no longer in the log and were not read.`
}
