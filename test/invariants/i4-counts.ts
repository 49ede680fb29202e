import { fieldOf, handles } from './expected-effects.ts'
import type { CountRule } from './history.ts'
import type { GroupTimeline } from './group-timeline.ts'
import type { Findings } from './check-report.ts'
import type { ParsedHistory } from './parsed-history.ts'

/** A table of counts includes each event that its group accepted exactly once, and nothing else. */
export function checkCounts(history: ParsedHistory, timelines: readonly GroupTimeline[], findings: Findings): void {
  const strays = new Set(history.counted)
  for (const timeline of timelines) {
    for (const rule of timeline.definition.counts ?? []) {
      const rows = history.counted.filter(({ group, name }) => group === timeline.group && name === rule.name)
      const due = countsOf(timeline, rule)
      for (const row of rows) {
        strays.delete(row)
        const key = row.by.join(', ')
        const expected = due.get(key) ?? 0
        due.delete(key)
        findings.checked('I4')
        if (row.count !== expected)
          findings.violated('I4', `${rule.name} of ${timeline.group} counts ${row.count} events of ${key}, and ${expected} were accepted.`)
      }
      for (const [key, expected] of due)
        findings.violated('I4', `${rule.name} of ${timeline.group} has no row of ${key}, of which ${expected} events were accepted.`)
    }
  }
  for (const { group, name, by } of strays)
    findings.violated('I4', `${name} of ${group} counts events of ${by.join(', ')}, and the run does not say what it counts.`)
}

function countsOf({ accepted, definition }: GroupTimeline, { types = definition.types, by }: CountRule): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { event, entry } of accepted.values()) {
    if (entry.outcome?.outcome === 'dead-letter' || !handles({ types }, event.type)) continue
    const key = by.map((field) => fieldOf(event, field)).join(', ')
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
