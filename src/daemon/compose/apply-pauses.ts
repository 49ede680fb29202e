import { coversGroup, pauseSentence, pauseTag, type Pause } from '../../model/pause.ts'
import type { HealthCheck } from '../../infra/http/health-server.ts'
import type { Observe } from '../../model/fact.ts'
import type { Group } from './groups.ts'

/** Why a group does not fetch, in facts, metrics and `/status`. */
export const OPERATOR = 'operator'

/** What a pause needs of a group. */
interface Pausable {
  readonly id: string
  readonly source: Pick<Group['source'], 'block'>
  readonly workers: Pick<Group['workers'], 'pause'>
}

/**
 * Makes the groups of this process follow the pauses: ingest fetches nothing of a paused group or partition, delivery begins nothing under a
 * pause. Both are idempotent. Beginnings and ends are reported once.
 */
export function applyPauses(groups: readonly Pausable[], observe: Observe): (pauses: readonly Pause[]) => void {
  let followed = new Map<string, Pause>()
  const stopped = new Set<string>()
  /** What is not fetched of each group, as it was applied last. */
  const blocked = new Map<string, string>()

  return (pauses) => {
    for (const { id: group, source, workers } of groups) {
      const own = pauses.filter((pause) => coversGroup(pause, group))
      const ofGroup = own.find(({ scope }) => scope === 'group')
      const partitions = own.filter(({ scope }) => scope === 'partition').map(({ target }) => Number(target))
      const what = ofGroup === undefined ? partitions.join(' ') : 'all'
      if (blocked.get(group) !== what) source.block(ofGroup === undefined ? new Set(partitions) : 'all')
      blocked.set(group, what)
      workers.pause(own)
      if (ofGroup !== undefined && !stopped.has(group)) {
        stopped.add(group)
        observe({ is: 'paused', group, reason: OPERATOR, detail: null })
      }
      if (ofGroup === undefined && stopped.delete(group)) observe({ is: 'unpaused', group, reason: OPERATOR })
    }
    const now = new Map(pauses.map((pause) => [pauseTag(pause), pause]))
    for (const [tag, pause] of now) if (!followed.has(tag)) observe(factOf(pause, 'begun'))
    for (const [tag, pause] of followed) if (!now.has(tag)) observe(factOf(pause, 'over'))
    followed = now
  }
}

function factOf(pause: Pause, state: 'begun' | 'over'): Parameters<Observe>[0] {
  const { scope, target, group: inGroup, owner, because, until } = pause
  return { is: 'operator-pause', state, scope, target, inGroup, owner, because, until }
}

/** The check of `/readyz` about pauses: never a reason to be unready, because they are intended. Empty without any. */
export function pauseNotes(pauses: readonly Pause[]): Readonly<Record<string, HealthCheck>> {
  const [oldest, ...others] = pauses
  if (oldest === undefined) return {}
  const more = others.length === 0 ? '' : `, and ${others.length} more`
  const message = `Paused by an operator: ${pauseSentence(oldest)}${more}. /status and workerctl pause list show all.`
  return { pauses: { ok: true, reason: 'paused', message, since: oldest.since.toISOString() } }
}
