import { pauseSentence, type Pause, type PauseTarget } from '../../model/pause.ts'
import { lengthInWords } from './pause-length.ts'

/** How long the log keeps what a pause leaves unread. */
export interface RetentionLeft {
  readonly topic: string
  /** `retention.ms` of the topic; null: forever. */
  readonly retentionMs: number | null
  /** Null: nothing is unread. */
  readonly oldestUnreadAt: Date | null
  /** When the oldest unread record may be deleted at the earliest; null where the log keeps it forever. */
  readonly lossAt: Date | null
}

/** The earliest loss, counted from the oldest unread record, or from now when nothing is unread. */
export function retentionLeft(topic: string, retentionMs: number | null, oldestUnreadAt: Date | null, now: number): RetentionLeft {
  const from = oldestUnreadAt?.getTime() ?? now
  return { topic, retentionMs, oldestUnreadAt, lossAt: retentionMs === null ? null : new Date(from + retentionMs) }
}

/** What an operator must know about a pause that has just begun, one sentence each. */
export function pauseSentences(pause: Pause, inFlight: number | null, retention: RetentionLeft | null, now: number): readonly string[] {
  const daemons = 'Running daemons follow within about 2 s.'
  return [
    `${inFlightSentence(inFlight)} ${daemons}`,
    ...effectOf(pause),
    ...(retention === null ? [] : [retentionSentence(pause, retention, now)]),
  ]
}

function inFlightSentence(inFlight: number | null): string {
  if (inFlight === null) return 'The intents of it in flight could not be counted: attempts that have begun are finished.'
  if (inFlight === 0) return 'No intent of it is in flight.'
  return `${inFlight === 1 ? '1 intent of it is' : `${inFlight} intents of it are`} in flight: attempts that have begun are finished.`
}

function effectOf({ scope }: Pause): readonly string[] {
  switch (scope) {
    case 'group':
    case 'partition':
      return []
    case 'channel':
      return [
        'Events are still accepted and their intents wait in the database; a group stops reading once its backlog is full, as while the relay is away.',
      ]
    case 'destination':
    case 'campaign':
    case 'type':
      return ['Events are still accepted, and their intents wait in the database until the pause is over. No retention shortens that wait.']
  }
}

function retentionSentence({ until }: Pause, { topic, retentionMs, oldestUnreadAt, lossAt }: RetentionLeft, now: number): string {
  if (lossAt === null || retentionMs === null)
    return `Topic ${topic} keeps records forever: no record is lost however long the pause lasts.`
  const left = lossAt.getTime() - now
  if (left <= 0) return `Topic ${topic} may delete unread records now: resume, or raise its retention.ms first.`
  const from = oldestUnreadAt === null ? 'nothing is unread now' : `the oldest unread record is from ${oldestUnreadAt.toISOString()}`
  const sentence = `Topic ${topic} deletes unread records in ${lengthInWords(left)} at the earliest (${from}, retention ${lengthInWords(retentionMs)})`
  if (until === null) return `${sentence}: resume before then.`
  return until < lossAt
    ? `${sentence}; the pause ends before that.`
    : `${sentence}, before the pause ends: resume earlier, or raise retention.ms.`
}

/** Why nothing can be resumed, with the option that is missing where the target is paused in one group. */
export function noPauseSentence({ scope, target, group }: PauseTarget, active: readonly Pause[]): string {
  const place = group === null ? ' in all groups' : scope === 'group' ? '' : ` in ${group}`
  const wanted = `${scope} ${target}${place}`
  const elsewhere = active.find((pause) => pause.scope === scope && pause.target === target)
  if (elsewhere !== undefined) {
    const way = elsewhere.group === null ? 'leave out --group' : `add --group ${elsewhere.group}`
    return `There is no pause of ${wanted}, but ${pauseSentence(elsewhere)}: ${way}.`
  }
  const others = active.length === 0 ? 'nothing is paused' : `what is paused: ${active.map(pauseSentence).join('; ')}`
  return `There is no pause of ${wanted}; ${others}.`
}
