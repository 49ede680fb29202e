import { maskedAddress } from '../../std/masked-address.ts'
import { outcomeWords } from '../explain-event.ts'
import { isOfAnotherRecord, missingEffects } from './missing-effects.ts'
import { answerOfIntent, deadLetterClause, type AnswerSettings } from './timeline-answer.ts'
import type { DeliveryFact, MailFact, MovementFact, RewardFact, TimelineFacts } from './timeline-facts.ts'

/** One thing that happened, or should have. */
export interface TimelineEntry {
  readonly at: Date
  readonly what:
    | 'person'
    | 'campaign'
    | 'event'
    | 'missing'
    | 'outcome'
    | 'intent'
    | 'mail'
    | 'webhook'
    | 'reward'
    | 'position'
    | 'suppression'
    | 'dead-letter'
  readonly state: string | null
  readonly reason: string | null
  /** Of the row, where it has one: an intent, an event, a reward. */
  readonly id: string | null
  readonly text: string
}

/** All that is on record in order of time, the oldest first. Addresses are masked unless `reveal`. */
export function timelineEntries(facts: TimelineFacts, settings: AnswerSettings, reveal: boolean): readonly TimelineEntry[] {
  const shown = (address: string) => (reveal ? address : maskedAddress(address))
  const all = [
    ...personEntries(facts, shown),
    ...campaignEntries(facts),
    ...facts.suppressions.map(({ at, reason }) => entry(at, 'suppression', { reason, text: `the address is suppressed: ${reason}` })),
    ...eventEntries(facts, settings),
    ...facts.deadLetters.map((letter) =>
      entry(letter.at, 'dead-letter', {
        reason: letter.reason,
        id: letter.eventId,
        text: deadLetterClause(letter, isOfAnotherRecord(letter, facts)),
      }),
    ),
    ...facts.intents.map((intent) =>
      entry(intent.finishedAt ?? intent.createdAt, 'intent', {
        state: intent.state,
        reason: intent.reason,
        id: intent.id,
        text: answerOfIntent(intent, facts, settings.now),
      }),
    ),
    ...facts.mails.map((mail) => mailEntry(mail, shown)),
    ...facts.deliveries.map(deliveryEntry),
    ...facts.rewards.flatMap(rewardEntries),
    ...facts.movements.map((movement) => movementEntry(movement, facts.subject.of === 'campaign')),
  ]
  return all.toSorted((one, other) => one.at.getTime() - other.at.getTime() || order.indexOf(one.what) - order.indexOf(other.what))
}

/** Of the same instant: the cause before its effect. */
const order: readonly TimelineEntry['what'][] = [
  'campaign',
  'person',
  'suppression',
  'reward',
  'event',
  'missing',
  'outcome',
  'dead-letter',
  'mail',
  'webhook',
  'intent',
  'position',
]

function entry(at: Date, what: TimelineEntry['what'], rest: Partial<TimelineEntry> & Pick<TimelineEntry, 'text'>): TimelineEntry {
  return { at, what, state: null, reason: null, id: null, ...rest }
}

function personEntries({ person }: TimelineFacts, shown: (address: string) => string): readonly TimelineEntry[] {
  if (person === null) return []
  const { joinedAt, verifiedAt, email, userId, campaignId, status, deleted } = person
  const state = deleted ? 'deleted' : status
  return [
    entry(joinedAt, 'person', { state, id: userId, text: `${shown(email)} joined campaign ${campaignId}` }),
    ...(verifiedAt === null ? [] : [entry(verifiedAt, 'person', { state, id: userId, text: 'verified the address' })]),
  ]
}

function campaignEntries({ campaign, subject }: TimelineFacts): readonly TimelineEntry[] {
  if (campaign === null || subject.of !== 'campaign') return []
  const { createdAt, recalculatedAt, status, deleted, accountStatus } = campaign
  const state = deleted ? 'deleted' : status
  return [
    entry(createdAt, 'campaign', { state, id: subject.id, text: `created; its account is ${accountStatus}` }),
    ...(recalculatedAt === null ? [] : [entry(recalculatedAt, 'position', { text: 'the leaderboard was recalculated' })]),
  ]
}

/** Each event once at the time at which it happened, then its outcomes, or where none arrived. */
function eventEntries(facts: TimelineFacts, { groups }: AnswerSettings): readonly TimelineEntry[] {
  // Under the id on record, which may be another than ours.
  const known = new Map<string, { readonly at: Date; readonly type: string }>(
    facts.expected.map(({ eventId, contentHash, at, type }) => {
      const found = facts.outcomes.filter((outcome) => outcome.contentHash === contentHash)
      return [(found.find((outcome) => outcome.eventId === eventId) ?? found[0])?.eventId ?? eventId, { at, type }]
    }),
  )
  for (const { eventId, eventAt } of facts.intents) {
    const type = facts.outcomes.find((outcome) => outcome.eventId === eventId)?.type
    if (eventId !== null && eventAt !== null && type !== undefined && !known.has(eventId)) known.set(eventId, { at: eventAt, type })
  }
  return [
    ...[...known].map(([id, { at, type }]) => entry(at, 'event', { id, text: type })),
    ...facts.expected.flatMap((event) =>
      missingEffects(event, facts, groups).map(({ group, name }) =>
        entry(event.at, 'missing', { id: event.eventId, text: `${event.type} is not on record in ${group}: no ${name}` }),
      ),
    ),
    ...facts.outcomes.map(({ at, group, type, partition, offset, outcome, eventId }) =>
      entry(at, 'outcome', {
        state: outcome,
        id: eventId,
        text: `${group} read ${type} from partition ${partition}, offset ${offset}: ${outcomeWords[outcome] ?? outcome}`,
      }),
    ),
  ]
}

function mailEntry(
  { at, type, status, recipient, messageId, error, intentId }: MailFact,
  shown: (address: string) => string,
): TimelineEntry {
  const text = `${type} to ${shown(recipient)}${messageId === null ? '' : ` as ${messageId}`}${error === null ? '' : `: ${error}`}`
  return entry(at, 'mail', { state: status, id: intentId, text })
}

function deliveryEntry({ at, status, responseStatus, attempt, nextRetryAt, error, intentId }: DeliveryFact): TimelineEntry {
  const answer = responseStatus === null ? 'no answer' : `answered ${responseStatus}`
  const again = nextRetryAt === null ? '' : `, next attempt at ${nextRetryAt.toISOString()}`
  return entry(at, 'webhook', {
    state: status,
    id: intentId,
    text: `attempt ${attempt}, ${answer}${again}${error === null ? '' : `: ${error}`}`,
  })
}

function rewardEntries({
  id,
  status,
  deliveryMethod,
  earnedAt,
  createdAt,
  deliveredAt,
  expiresAt,
  attempts,
  error,
}: RewardFact): readonly TimelineEntry[] {
  const until = expiresAt === null ? '' : `, until ${expiresAt.toISOString()}`
  const last = error === null ? '' : `; error of the last attempt: ${error}`
  return [
    entry(earnedAt ?? createdAt, 'reward', {
      state: status,
      id,
      text: `earned, to be delivered by ${deliveryMethod}${until}; ${attempts} attempts so far${last}`,
    }),
    ...(deliveredAt === null ? [] : [entry(deliveredAt, 'reward', { state: status, id, text: 'delivered' })]),
  ]
}

function movementEntry({ at, userId, fromPosition, toPosition, fromScore, toScore }: MovementFact, named: boolean): TimelineEntry {
  const score = fromScore === toScore ? `score ${toScore ?? '-'}` : `score ${fromScore ?? '-'} to ${toScore ?? '-'}`
  return entry(at, 'position', {
    id: userId,
    text: `${named ? `person ${userId}: ` : ''}position ${fromPosition ?? 'none'} to ${toPosition ?? 'none'}, ${score}`,
  })
}
