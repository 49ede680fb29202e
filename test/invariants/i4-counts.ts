import { fieldOf, handles } from './expected.ts'
import type { CountRule } from './history.ts'
import type { Ledger } from './ledger.ts'
import type { Findings } from './verdict.ts'
import type { WholeHistory } from './whole-history.ts'

/** A table in which a group counts events holds each event that the group accepted exactly once, and nothing else. */
export function judgeCounts(history: WholeHistory, ledgers: readonly Ledger[], findings: Findings): void {
  const strays = new Set(history.counted)
  for (const ledger of ledgers) {
    for (const rule of ledger.of.counts ?? []) {
      const rows = history.counted.filter(({ group, name }) => group === ledger.group && name === rule.name)
      const due = countsOf(ledger, rule)
      for (const row of rows) {
        strays.delete(row)
        const place = row.by.join(', ')
        const expected = due.get(place) ?? 0
        due.delete(place)
        findings.checked('I4')
        if (row.count !== expected)
          findings.violated('I4', `${rule.name} of ${ledger.group} counts ${row.count} events of ${place}, and ${expected} were accepted.`)
      }
      for (const [place, expected] of due)
        findings.violated('I4', `${rule.name} of ${ledger.group} has no row of ${place}, of which ${expected} events were accepted.`)
    }
  }
  for (const { group, name, by } of strays)
    findings.violated('I4', `${name} of ${group} counts events of ${by.join(', ')}, and the run does not say what it counts.`)
}

function countsOf({ accepted, of }: Ledger, { types = of.types, by }: CountRule): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { event, entry } of accepted.values()) {
    if (entry.outcome?.outcome === 'dead-letter' || !handles({ types }, event.type)) continue
    const place = by.map((field) => fieldOf(event, field)).join(', ')
    counts.set(place, (counts.get(place) ?? 0) + 1)
  }
  return counts
}
