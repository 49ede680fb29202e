import { eventText } from '../lag/lag-cause.ts'
import type { GroupLagReport, PartitionReport } from '../lag/lag-report.ts'

/** The next event of the partition that has stood still for longest, and how many others do; null when none does. */
export function stillSentence(reports: readonly GroupLagReport[]): string | null {
  const [first, ...others] = reports
    .flatMap(({ group, partitions }) => stillPartitions(partitions).map((one) => ({ group, ...one })))
    .toSorted((one, other) => one.stillSince.getTime() - other.stillSince.getTime())
  if (first === undefined) return null
  const { group, partition, next, stillSince } = first
  const more = others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'partition' : 'partitions'}`
  return `Group ${group} has stood still since ${stillSince.toISOString()} at ${eventText({ partition, ...next })}${more}.`
}

/** A partition that stands still, with the event at which it does. */
export type StillPartition = PartitionReport & { readonly next: NonNullable<PartitionReport['next']>; readonly stillSince: Date }

/** Those that stand still at a known event, for longest first. */
export function stillPartitions(partitions: readonly PartitionReport[]): readonly StillPartition[] {
  return partitions
    .flatMap(({ next, stillSince, ...one }) => (next === null || stillSince === null ? [] : [{ ...one, next, stillSince }]))
    .toSorted((one, other) => one.stillSince.getTime() - other.stillSince.getTime())
}
