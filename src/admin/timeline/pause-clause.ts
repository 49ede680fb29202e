import { coversGroup, pausedSubject, pauseTag, pauseTerms, type Pause, type PauseTarget } from '../../model/pause.ts'
import { resumeCommand } from '../pauses/resume-command.ts'
import { pausesOfReading } from './missing-effects.ts'
import type { IntentCount, IntentFact } from './timeline-facts.ts'

/** A pause with the command that ends it, such as `the email channel is paused by ops (relay move) until it is resumed; workerctl resume ...`. */
export function pausedClause(pause: Pause): string {
  const subject = pausedSubject(pause)
  return `${subject.charAt(0).toLowerCase()}${subject.slice(1)} is ${pauseTerms(pause)}; workerctl ${resumeCommand(pause)} ends the pause`
}

/** The pauses that keep a group from reading, in words; null without any. */
export function pausedReading(pauses: readonly Pause[], group: string): string | null {
  const found = pausesOfReading(pauses, group)
  const [first] = found
  if (first === undefined) return null
  return pausedClause(found.find(({ scope }) => scope === 'group') ?? first)
}

/** The pause that an intent waits for, if one is known to: that it was set aside for, or one of its group, channel or campaign. */
export function pauseOfIntent(
  pauses: readonly Pause[],
  intent: Pick<IntentFact, 'group' | 'channel' | 'campaignId' | 'reason' | 'detail'>,
): Pause | null {
  const { campaignId, detail } = intent
  const isOfCampaign = ({ scope, target }: PauseTarget) => scope === 'campaign' && target === campaignId
  return (
    pauses.find(
      (pause) => pauseTag(pause) === detail || holds(pause, intent) || (coversGroup(pause, intent.group) && isOfCampaign(pause)),
    ) ?? null
  )
}

/** The same for intents that are counted, of those that are to be executed; those of a pause of their campaign are set aside. */
export function pauseOfCount(pauses: readonly Pause[], count: IntentCount): Pause | null {
  if (count.state !== 'pending' && count.state !== 'ambiguous') return null
  return pauses.find((pause) => pauseTag(pause) === count.pause || holds(pause, count)) ?? null
}

function holds(pause: PauseTarget, { group, channel }: Pick<IntentFact, 'group' | 'channel'>): boolean {
  return coversGroup(pause, group) && (pause.scope === 'group' || (pause.scope === 'channel' && pause.target === channel))
}
