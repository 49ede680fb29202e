import { finalPositions } from './ranking.ts'
import type { Findings } from './check-report.ts'
import type { ParsedHistory } from './parsed-history.ts'
import type { PlatformState } from './platform-state.ts'

/** At rest every stored position equals a ranking of the changes alone; people who left are not ranked, and no row is missing. */
export function checkPositions(history: ParsedHistory, platform: PlatformState, findings: Findings): void {
  const rows = new Map(history.rows.users.map((user) => [user.id, user]))
  const rankings = finalPositions(platform)
  for (const { id, campaignId } of platform.people.values()) {
    const row = rows.get(id)
    if (row === undefined) {
      findings.violated('I6', `${id} joined campaign ${campaignId}, and the row is not in the history.`)
      continue
    }
    if (!history.run.drains) continue
    findings.checked('I6')
    const position = rankings.get(campaignId)?.get(id)
    if (position === undefined) {
      if (row.ranked) findings.violated('I6', `${id} left campaign ${campaignId} and is still ranked.`)
    } else if (!row.ranked) findings.violated('I6', `${id} belongs to campaign ${campaignId} and is not ranked.`)
    else if (row.position !== position)
      findings.violated('I6', `${id} has position ${row.position} in campaign ${campaignId} instead of ${position}.`)
  }
}
