import { placeOf, type Ledger } from './ledger.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'

/**
 * Along the offsets of a partition the times of accepting never go back: each transaction begins after the one before it has moved the
 * row. Repeats have no time of their own; what is done again after a restore is exempt.
 */
export function judgeOrder(ledgers: readonly Ledger[], findings: Findings): void {
  for (const ledger of ledgers) {
    for (const entries of ledger.partitions.values()) {
      let latest = -Infinity
      let latestAt = 0
      for (const { by, acceptedAt, recovered, record } of entries) {
        if (recovered || (by !== 'outcome' && by !== 'dead-letter')) continue
        findings.checked('I5')
        if (acceptedAt < latest)
          findings.violated(
            'I5',
            `${placeOf(ledger, record)} was accepted at ${when(acceptedAt)}, before offset ${latestAt} at ${when(latest)}.`,
          )
        else {
          latest = acceptedAt
          latestAt = record.offset
        }
      }
    }
  }
}
