import type { GroupLagReport } from '../lag/lag-report.ts'
import { findProblems } from './find-problems.ts'
import { deadLettersFact } from './facts-of-tables.ts'
import type { Finding } from './finding.ts'
import type { OutboxFacts, StatusFacts } from './status-facts.ts'

/** A group with its lag, which is missing where its topic is. */
export interface GroupStatus extends Partial<GroupLagReport> {
  readonly group: string
  readonly topic: string
  /** Open dead letters of the last 24 hours; null where they were not read. */
  readonly deadLetters: number | null
}

/** What every view of the status shows. */
export interface StatusReport {
  /** UTC ISO. */
  readonly at: string
  /** Nothing is wrong. */
  readonly ok: boolean
  /** The worst first. */
  readonly findings: readonly Finding[]
  readonly groups: readonly GroupStatus[]
  /** Null while unknown. */
  readonly outbox: OutboxFacts | null
}

/** The findings and figures of these facts. @param now milliseconds since 1970 */
export function reportStatus(facts: StatusFacts, now: number): StatusReport {
  const findings = findProblems(facts)
  return {
    at: new Date(now).toISOString(),
    ok: findings.length === 0,
    findings,
    groups: facts.groups.map(({ group, topic, report }) => ({ group, topic, ...report, deadLetters: lettersOf(facts, group) })),
    outbox: facts.outbox,
  }
}

function lettersOf({ deadLetters, unread }: StatusFacts, group: string): number | null {
  if (unread.some(({ fact }) => fact === deadLettersFact.fact)) return null
  return deadLetters.filter((one) => one.group === group).reduce((sum, { day }) => sum + day, 0)
}
