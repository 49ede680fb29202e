import { finalPositions } from './ranking.ts'
import type { Findings } from './verdict.ts'
import type { WholeHistory } from './whole-history.ts'
import type { World } from './world.ts'

/** At rest every stored position is that of a ranking from nothing but the changes; who left is not ranked; nobody is missing. */
export function judgePositions(history: WholeHistory, world: World, findings: Findings): void {
  const rows = new Map(history.rows.users.map((user) => [user.id, user]))
  const rankings = finalPositions(world)
  for (const { id, campaignId } of world.people.values()) {
    const row = rows.get(id)
    if (row === undefined) {
      findings.violated('I6', `${id} joined campaign ${campaignId}, and his row is not in the history.`)
      continue
    }
    if (!history.run.settles) continue
    findings.checked('I6')
    const position = rankings.get(campaignId)?.get(id)
    if (position === undefined) {
      if (row.ranked) findings.violated('I6', `${id} left campaign ${campaignId} and is still ranked.`)
    } else if (!row.ranked) findings.violated('I6', `${id} belongs to campaign ${campaignId} and is not ranked.`)
    else if (row.position !== position)
      findings.violated('I6', `${id} has position ${row.position} in campaign ${campaignId} instead of ${position}.`)
  }
}
