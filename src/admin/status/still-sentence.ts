import { eventText } from '../lag/lag-cause.ts'
import type { GroupLagReport } from '../lag/lag-report.ts'

/** The next event of the partition that has stood still for longest, and how many others do; null when none does. */
export function stillSentence(reports: readonly GroupLagReport[]): string | null {
  const still = reports.flatMap(({ group, partitions }) =>
    partitions.flatMap(({ partition, next, stillSince }) =>
      next === null || stillSince === null ? [] : [{ group, partition, ...next, since: stillSince }],
    ),
  )
  const [first, ...others] = still.toSorted((one, other) => one.since.getTime() - other.since.getTime())
  if (first === undefined) return null
  const more = others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'partition' : 'partitions'}`
  return `${first.group} has stood still since ${first.since.toISOString()} at ${eventText(first)}${more}.`
}
