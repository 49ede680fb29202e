import { ago, span } from '../../std/ago.ts'
import { asSentence } from '../../std/failure.ts'
import type { FactType } from '../reconcile-facts.ts'
import { deadLetterSentences } from './dead-letter-sentences.ts'
import { intentAnswer, isWell, nameOf } from './intent-answer.ts'
import { reasonSentence } from './reason-sentences.ts'
import type { CampaignState, DeadLetterFact, ExpectedEvent, IntentCount, IntentFact, TimelineFacts } from './timeline-facts.ts'

/** How the installation runs: the ids of the groups by the name that the code registers, and DEDUPE_DAYS. */
export interface AnswerSettings {
  readonly now: number
  readonly groups: ReadonlyMap<string, string>
  readonly dedupeDays: number
}

/** A sentence, the time of what it speaks of, and whether something is amiss. */
interface Candidate {
  readonly at: Date
  readonly sentence: string
}

/** The effect that a person expects of an event, by the group that has it. */
const effects: Readonly<Record<FactType, readonly { readonly group: string; readonly name: string }[]>> = {
  'user.signed_up': [{ group: 'email-workers', name: 'welcome mail' }],
  'user.verified': [{ group: 'email-workers', name: 'verification mail' }],
  'referral.created': [],
  'referral.verified': [{ group: 'email-workers', name: 'position mail' }],
  'reward.earned': [
    { group: 'reward-workers', name: 'reward' },
    { group: 'email-workers', name: 'mail about the reward' },
  ],
}

/**
 * The first line of a timeline: the answer to "why did I get no mail?" and "why did I get no reward?". The newest thing that is amiss, in one
 * sentence with the command that changes it; if nothing is, the newest that went well.
 */
export function timelineAnswer(facts: TimelineFacts, settings: AnswerSettings): string {
  if (facts.subject.of === 'campaign') return campaignAnswer(facts, settings)
  if (facts.subject.of === 'reward' && facts.rewards.length === 0) {
    return `No reward: there is no row ${facts.subject.id} in user_rewards, and nothing is delivered without one.`
  }
  const amiss = [...deadLettersOf(facts, settings), ...missingOf(facts, settings), ...intentsOf(facts, settings, false)]
  const [worst] = amiss.toSorted((one, other) => other.at.getTime() - one.at.getTime())
  if (worst !== undefined) return asSentence(worst.sentence)
  if (facts.subject.of === 'event') return eventAnswer(facts, settings)
  const [well] = intentsOf(facts, settings, true)
  return well?.sentence ?? nothingAnswer(facts, settings)
}

/**
 * Whether nothing at all is on record of the subject, so that its id is likely mistyped. Never an event: that none has arrived is an answer.
 */
export function isUnknown({ subject, person, campaign, ...lists }: TimelineFacts): boolean {
  return subject.of !== 'event' && person === null && campaign === null && Object.values(lists).every((list) => list.length === 0)
}

/** What of an intent is to be said beside what is on record. */
export function answerOfIntent(intent: IntentFact, { suppressions, mails, deliveries }: TimelineFacts, now: number): string {
  return intentAnswer(intent, {
    now,
    suppressions,
    mail: mails.find(({ intentId }) => intentId === intent.id) ?? null,
    delivery: deliveries.find(({ intentId }) => intentId === intent.id) ?? null,
  })
}

/** The groups that should have an outcome of an event and have none, with what the person misses. */
export function missingEffects(
  { type, eventId }: ExpectedEvent,
  { outcomes, deadLetters }: Pick<TimelineFacts, 'outcomes' | 'deadLetters'>,
  groups: ReadonlyMap<string, string>,
): readonly { readonly group: string; readonly name: string }[] {
  return effects[type].flatMap(({ group, name }) => {
    const id = groups.get(group)
    const isKnown = [...outcomes, ...deadLetters].some((one) => one.group === id && one.eventId === eventId)
    return id === undefined || isKnown ? [] : [{ group: id, name }]
  })
}

/** A dead letter in words. */
export function deadLetterClause({ group, type, reason, partition, offset }: DeadLetterFact): string {
  return (
    `the event ${type ?? '(of unknown type)'} is a dead letter of ${group} at partition ${partition}, offset ${offset}, because ${deadLetterSentences[reason]}; ` +
    `workerctl dlq list --group ${group} --reason ${reason} shows it, and docs/guide/dead-letters.md what to do`
  )
}

function deadLettersOf({ deadLetters, subject }: TimelineFacts, { groups }: AnswerSettings): readonly Candidate[] {
  return deadLetters.map((letter) => {
    const lost = Object.entries(effects).flatMap(([type, all]) => (type === letter.type ? all : []))
    const name = lost.find(({ group }) => groups.get(group) === letter.group)?.name ?? null
    const head = name === null || subject.of === 'event' ? 'No effect' : `No ${name}`
    return { at: letter.at, sentence: `${head}: ${deadLetterClause(letter)}` }
  })
}

function missingOf(facts: TimelineFacts, { groups, now }: AnswerSettings): readonly Candidate[] {
  return facts.expected.flatMap((event) =>
    missingEffects(event, facts, groups).map(({ group, name }) => ({
      at: event.at,
      sentence:
        `No ${name}: the event ${event.type} of ${span(now - event.at.getTime())} ago never arrived in ${group}; workerctl offsets show says whether the group has read ` +
        `everything, and workerctl reconcile --publish publishes what was never published`,
    })),
  )
}

function intentsOf(facts: TimelineFacts, { now }: AnswerSettings, well: boolean): readonly Candidate[] {
  return facts.intents
    .filter((intent) => !intent.coalesce && isWell(intent) === well)
    .map((intent) => ({ at: intent.finishedAt ?? intent.createdAt, sentence: answerOfIntent(intent, facts, now) }))
    .toSorted((one, other) => other.at.getTime() - one.at.getTime())
}

function eventAnswer(facts: TimelineFacts, settings: AnswerSettings): string {
  const { outcomes, subject, intents } = facts
  if (outcomes.length === 0) {
    return (
      `The event ${subject.id} never arrived: no group has a record of it. It was never published (workerctl reconcile), has not been read yet (workerctl offsets show), ` +
      `could not be parsed (workerctl dlq list), or is older than DEDUPE_DAYS=${settings.dedupeDays}.`
    )
  }
  const duplicate = outcomes.find(({ outcome }) => outcome === 'duplicate')
  if (duplicate !== undefined) {
    const first = intents.find(({ eventId }) => eventId !== subject.id) ?? intents[0]
    const since = first === undefined ? '' : `: ${answerOfIntent(first, facts, settings.now)}`
    return asSentence(`Nothing new: ${duplicate.group} read ${duplicate.type} as a duplicate, all of its effects existed already${since}`)
  }
  const [well] = intentsOf(facts, settings, true)
  if (well !== undefined) return well.sentence
  const groups = outcomes.map(({ group, outcome }) => `${group} (${outcome})`).join(', ')
  return `Nothing of the event is left to do: it was read by ${groups}.`
}

function nothingAnswer({ subject, person, rewards, suppressions }: TimelineFacts, { now, dedupeDays }: AnswerSettings): string {
  if (subject.of === 'reward') {
    const [reward] = rewards
    if (reward?.deliveryMethod === 'manual') return 'No reward: rewards with the method manual are delivered by hand.'
    return `No reward: its row is ${reward?.status ?? 'gone'}, and no reward.earned event of it arrived in the last DEDUPE_DAYS=${dedupeDays}; workerctl reconcile finds those that were never published.`
  }
  if (person === null) return `Nothing is on record: no participant has the id ${subject.id}, and no intent names it.`
  const [suppression] = suppressions
  const mailbox =
    suppression === undefined
      ? ''
      : `; the address is suppressed (${suppression.reason}, ${ago(suppression.at, now)}), and workerctl suppressions remove --user ${subject.id} lifts it`
  const consent = person.consent ? '' : '; milestone mails need the consent of the person, who has not given it'
  return `No mail and no reward was due in the last DEDUPE_DAYS=${dedupeDays}: no event about the person is on record, whose status is ${person.deleted ? 'deleted' : person.status}${mailbox}${consent}.`
}

function campaignAnswer({ subject, campaign, counts, deadLetters }: TimelineFacts, { now }: AnswerSettings): string {
  if (campaign === null) return `There is no campaign ${subject.id}.`
  const blocking = blockingReason(campaign)
  if (blocking !== null) {
    const held = sum(counts.filter(({ state }) => state === 'pending'))
    const { because, fix } = reasonSentence(blocking)
    return asSentence(`Nothing is sent: ${because}; ${held} pending${blocking === 'campaign-paused' ? `, and ${fix ?? ''}` : ''}`)
  }
  const [worst] = counts.filter((one) => !['sent', 'delivered', 'skipped'].includes(one.state) && one.reason !== null).toSorted(byWeight)
  if (worst !== undefined) return asSentence(countClause(worst, subject.id))
  const [letter] = deadLetters
  if (letter !== undefined)
    return asSentence(
      `${deadLetters.length} of its events became dead letters, the latest ${ago(letter.at, now)}: ${deadLetterClause(letter)}`,
    )
  const done = sum(counts.filter(({ state }) => state === 'sent' || state === 'delivered'))
  const pending = sum(counts.filter(({ state }) => state === 'pending'))
  return `Nothing of the campaign failed: ${done} sent or delivered, ${pending} pending.`
}

/** In the order in which eligibility is judged. */
function blockingReason({ deleted, accountStatus, status }: CampaignState): string | null {
  if (deleted) return 'campaign-deleted'
  if (accountStatus === 'suspended' || accountStatus === 'canceled') return `account-${accountStatus}`
  return status === 'draft' || status === 'paused' ? `campaign-${status}` : null
}

function countClause({ kind, state, reason, count }: IntentCount, campaignId: string): string {
  const because = reasonSentence(reason ?? '').because.replace(' {since}', '')
  const name = nameOf({ kind, type: null })
  const what = `${count} ${name}${count === 1 ? '' : 's'}`
  return `${what} ${count === 1 ? 'is' : 'are'} ${state}: ${because}; workerctl intents list --campaign ${campaignId} --state ${state} --reason ${reason} shows ${count === 1 ? 'it' : 'them'}`
}

/** Those that need an operator before those that go on by themselves; then the most. */
function byWeight(one: IntentCount, other: IntentCount): number {
  return weight(other) - weight(one) || other.count - one.count
}

function sum(counts: readonly IntentCount[]): number {
  return counts.reduce((total, { count }) => total + count, 0)
}

function weight({ state }: IntentCount): number {
  return state === 'held' || state === 'dead' || state === 'rejected' ? 1 : 0
}
