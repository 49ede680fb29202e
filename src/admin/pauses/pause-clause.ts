import { coversGroup, pausedSubject, pauseTag, pauseTerms, type Pause, type PauseTarget } from '../../model/pause.ts'
import type { IntentLine } from '../intents/intent-admin.ts'
import { resumeCommand } from './resume-command.ts'

/** A pause with the command that ends it, such as `the email channel is paused by ops (relay move) until it is resumed; workerctl resume ...`. */
export function pausedClause(pause: Pause): string {
  const subject = pausedSubject(pause)
  return `${subject.charAt(0).toLowerCase()}${subject.slice(1)} is ${pauseTerms(pause)}; workerctl ${resumeCommand(pause)} ends the pause`
}

/** The pause that keeps a group from reading, in words: its own, or else one of its partitions; null without any. */
export function pausedReading(pauses: readonly Pause[], group: string): string | null {
  const found = pauses.filter((pause) => coversGroup(pause, group) && (pause.scope === 'group' || pause.scope === 'partition'))
  const [first] = found
  if (first === undefined) return null
  return pausedClause(found.find(({ scope }) => scope === 'group') ?? first)
}

/** An intent as far as pauses concern it; `eventType` of the event that caused it, null when that is not on record. */
type PausableIntent = Pick<IntentLine, 'group' | 'channel' | 'campaignId' | 'destination' | 'state'> & {
  readonly detail: string | null
  readonly eventType: string | null
}

/** The pause that an intent waits for which is still to be executed: the one it was set aside for, or the first that covers it; null without one. */
export function pauseOfIntent(pauses: readonly Pause[], intent: PausableIntent): Pause | null {
  const { campaignId, destination, eventType, detail, group, state } = intent
  if (state !== 'pending' && state !== 'ambiguous') return null
  const targets: Partial<Record<PauseTarget['scope'], string | null>> = { campaign: campaignId, destination, type: eventType }
  return (
    pauses.find(
      (pause) => pauseTag(pause) === detail || holds(pause, intent) || (coversGroup(pause, group) && targets[pause.scope] === pause.target),
    ) ?? null
  )
}

/** The same for intents that are counted, of those that are to be executed; those of a pause of their campaign are set aside. */
export function pauseOfCount(
  pauses: readonly Pause[],
  count: Pick<IntentLine, 'group' | 'channel' | 'state'> & { readonly pause: string | null },
): Pause | null {
  if (count.state !== 'pending' && count.state !== 'ambiguous') return null
  return pauses.find((pause) => pauseTag(pause) === count.pause || holds(pause, count)) ?? null
}

function holds(pause: PauseTarget, { group, channel }: Pick<IntentLine, 'group' | 'channel'>): boolean {
  return coversGroup(pause, group) && (pause.scope === 'group' || (pause.scope === 'channel' && pause.target === channel))
}
