import { locationOf, type GroupTimeline } from './group-timeline.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'

/**
 * Records of a partition are accepted in the order of their offsets: each transaction begins after the previous one has moved the
 * progress row. Repeats have no time of their own; work that is repeated after a restore is exempt.
 */
export function checkOrder(timelines: readonly GroupTimeline[], findings: Findings): void {
  for (const timeline of timelines) {
    for (const entries of timeline.partitions.values()) {
      let latest = -Infinity
      let latestAt = 0
      for (const { resolvedBy, acceptedAt, recovered, record } of entries) {
        if (recovered || (resolvedBy !== 'outcome' && resolvedBy !== 'dead-letter')) continue
        findings.checked('I5')
        if (acceptedAt < latest)
          findings.violated(
            'I5',
            `${locationOf(timeline, record)} was accepted at ${formatTime(acceptedAt)}, before offset ${latestAt} at ${formatTime(latest)}.`,
          )
        else {
          latest = acceptedAt
          latestAt = record.offset
        }
      }
    }
  }
}
