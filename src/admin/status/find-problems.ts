import { findFailedWork } from './failed-work.ts'
import { rankedFindings, type Finding } from './finding.ts'
import { findGroupProblems } from './group-problems.ts'
import { findLateWork } from './late-work.ts'
import { findServerProblems } from './server-problems.ts'
import type { StatusFacts } from './status-facts.ts'
import { findStoppedDeliveries } from './stopped-deliveries.ts'

/** Everything that is wrong, the worst first. Without findings nothing is. */
export function findProblems(facts: StatusFacts): readonly Finding[] {
  const servers = findServerProblems(facts)
  const isExplained = servers.some(({ kind }) => kind === 'statement-blocked' || kind === 'database-slow')
  const groups = facts.groups.flatMap((group) => findGroupProblems(group, { isExplained, quiet: facts.quiet }))
  return rankedFindings([...servers, ...groups, ...findStoppedDeliveries(facts), ...findLateWork(facts), ...findFailedWork(facts)])
}
