import { pausedClause, pausedReading, pauseOfCount } from '../pauses/pause-clause.ts'
import { ago, span } from '../../std/ago.ts'
import { asSentence } from '../../std/failure.ts'
import { coversGroup } from '../../model/pause.ts'
import { letterHandle } from '../dead-letters/letter-handle.ts'
import { deadLetterSentences } from './dead-letter-sentences.ts'
import { intentAnswer, isWell, nameOf } from './intent-answer.ts'
import { effectOf, isMadeUpFor, isOfAnotherRecord, missingEffects } from './missing-effects.ts'
import { reasonSentence } from './reason-sentences.ts'
import type { CampaignState, DeadLetterFact, IntentCount, IntentFact, TimelineFacts } from './timeline-facts.ts'

/** How the installation runs: the ids of the groups by the name that the code registers, those that read a type, and DEDUPE_DAYS. */
export interface AnswerSettings {
  readonly now: number
  readonly groups: ReadonlyMap<string, string>
  readonly readersOf: (type: string) => readonly string[]
  readonly dedupeDays: number
}

/** A sentence, the time of what it speaks of, and whether something is amiss. */
interface Candidate {
  readonly at: Date
  readonly sentence: string
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
  const { missed, others } = deadLettersOf(facts, settings)
  const amiss = [...missed, ...missingOf(facts, settings), ...unreadOf(facts, settings), ...intentsOf(facts, settings, false)]
  const [worst] = amiss.toSorted((one, other) => other.at.getTime() - one.at.getTime())
  const besides = facts.subject.of === 'event' ? otherRecords(facts) : ''
  if (worst !== undefined) return asSentence(worst.sentence) + besides
  const well = wellAnswer(facts, settings)
  const [other] = others
  const isRead = facts.subject.of === 'event' && facts.outcomes.some(({ outcome }) => outcome !== 'dead-letter')
  if (well === null && !isRead && other !== undefined) return `${asSentence(`No effect: ${deadLetterClause(other)}`)}${besides}`
  const answer = well ?? (facts.subject.of === 'event' ? eventAnswer(facts, settings) : nothingAnswer(facts, settings))
  return `${answer}${other === undefined ? '' : ` Besides, ${deadLetterClause(other)}.`}${besides}`
}

/** The newest thing that went well, or a replay that made up for a dead letter; null without either. */
function wellAnswer(facts: TimelineFacts, settings: AnswerSettings): string | null {
  const { outcomes, deadLetters, subject } = facts
  if (subject.of === 'event' && outcomes.some(({ outcome }) => outcome === 'duplicate')) return eventAnswer(facts, settings)
  const [well] = intentsOf(facts, settings, true)
  if (well !== undefined) return well.sentence
  const replayed = deadLetters.find(({ state, type, group }) => state === 'resolved' && effectOf(type, group, settings.groups) !== null)
  return replayed === undefined || outcomes.length > 0 ? null : asSentence(deadLetterClause(replayed))
}

/**
 * Whether nothing at all is on record of the subject, so that its id is likely mistyped. Never an event: that none has arrived is an answer.
 */
export function isUnknown({ subject, person, campaign, ...lists }: TimelineFacts): boolean {
  // Pauses are of everybody.
  const own = Object.values({ ...lists, pauses: [] })
  return subject.of !== 'event' && person === null && campaign === null && own.every((list) => list.length === 0)
}

/** What of an intent is to be said beside what is on record. */
export function answerOfIntent(
  intent: IntentFact,
  { suppressions, mails, deliveries, outcomes, rewards, pauses }: TimelineFacts,
  now: number,
): string {
  return intentAnswer(intent, {
    now,
    eventType: outcomes.find(({ eventId }) => eventId === intent.eventId)?.type ?? null,
    rewardStatus: rewards.find(({ id }) => id === intent.userRewardId)?.status ?? null,
    suppressions,
    pauses,
    mail: mails.find(({ intentId }) => intentId === intent.id) ?? null,
    delivery: deliveries.find(({ intentId }) => intentId === intent.id) ?? null,
  })
}

/** A dead letter in words. `isOther`: it is of another record than the event that its id names. */
export function deadLetterClause(letter: DeadLetterFact, isOther = false): string {
  const { group, type, reason, partition, offset, state } = letter
  const what = isOther ? 'another record with its id' : `the event ${type ?? '(of unknown type)'}`
  const isPast = state === 'resolved' || state === 'discarded'
  const where = `${group} at partition ${partition}, offset ${offset}, because ${deadLetterSentences[reason]}`
  return `${what} ${isPast ? 'was' : 'is'} a dead letter of ${where}; ${decisionOf(letter)}`
}

function decisionOf(letter: DeadLetterFact): string {
  switch (letter.state) {
    case 'open':
      return `workerctl dlq list --group ${letter.group} --reason ${letter.reason} shows it, and docs/guide/dead-letters.md what to do`
    case 'requested':
      return `its replay has been requested, and a daemon of the group carries it out`
    case 'discarded':
      return `an operator discarded it, and workerctl dlq show ${letterHandle(letter)} shows who and why`
    case 'resolved':
      return 'a replay has accepted it since'
  }
}

/** Those that cost a person something, and others, such as those of a group that only counts, unless an operator has decided about them. */
function deadLettersOf(
  facts: TimelineFacts,
  { groups }: AnswerSettings,
): { readonly missed: readonly Candidate[]; readonly others: readonly DeadLetterFact[] } {
  const { deadLetters, subject } = facts
  const open = deadLetters.filter((letter) => !isMadeUpFor(letter, facts))
  const missed = open.flatMap((letter) => {
    const name = effectOf(letter.type, letter.group, groups)
    if (name === null) return []
    return [{ at: letter.at, sentence: `No ${subject.of === 'event' ? 'effect' : name}: ${deadLetterClause(letter)}` }]
  })
  const others = open.filter(
    ({ type, group, state }) => effectOf(type, group, groups) === null && (state !== 'discarded' || subject.of === 'event'),
  )
  return { missed, others }
}

function missingOf(facts: TimelineFacts, { groups, now }: AnswerSettings): readonly Candidate[] {
  return facts.expected.flatMap((event) =>
    missingEffects(event, facts, groups).map(({ group, name }) => {
      const what = `the event ${event.type} of ${span(now - event.at.getTime())} ago`
      const paused = pausedReading(facts.pauses, group)
      const elsewhere = facts.outcomes.find(({ contentHash, eventId }) => contentHash === event.contentHash && eventId !== event.eventId)
      const where = elsewhere === undefined ? '' : `, while ${elsewhere.group} has it under the id ${elsewhere.eventId}`
      const publish = event.isForeign
        ? 'its publisher, which chooses the ids of such events, publishes what was never published'
        : 'workerctl reconcile --publish publishes what was never published'
      const looks = `workerctl offsets show says whether the group has read everything, workerctl dlq list --group ${group} whether it is a dead letter under another id`
      const sentence =
        paused === null
          ? `No ${name}: ${what} has not arrived in ${group}${where}; ${looks}${elsewhere === undefined ? `, and ${publish}` : ''}`
          : `No ${name} yet: ${group} has no record of ${what}, and ${paused}; if it has none afterwards, ${publish}`
      return { at: event.at, sentence }
    }),
  )
}

/** Of an event that some groups have read: those that have not, where a person misses its effect or an operator keeps the group from reading. */
function unreadOf({ subject, outcomes, deadLetters, pauses }: TimelineFacts, { groups, readersOf }: AnswerSettings): readonly Candidate[] {
  const [first] = outcomes
  if (subject.of !== 'event' || first === undefined) return []
  return readersOf(first.type)
    .filter((group) => ![...outcomes, ...deadLetters].some((one) => one.group === group))
    .flatMap((group) => {
      const name = effectOf(first.type, group, groups)
      const paused = pausedReading(pauses, group)
      if (paused === null && name === null) return []
      const head = name === null ? `The event has not had its effect in ${group} yet` : `No ${name} yet`
      const way = paused ?? 'workerctl offsets show says whether the group runs, and how far it has read'
      return [{ at: first.at, sentence: `${head}: ${group} has not read the event ${first.type}; ${way}` }]
    })
}

function intentsOf(facts: TimelineFacts, { now }: AnswerSettings, well: boolean): readonly Candidate[] {
  return facts.intents
    .filter((intent) => !intent.coalesce && isWell(intent) === well)
    .map((intent) => ({ at: intent.finishedAt ?? intent.createdAt, sentence: answerOfIntent(intent, facts, now) }))
    .toSorted((one, other) => other.at.getTime() - one.at.getTime())
}

function eventAnswer(facts: TimelineFacts, settings: AnswerSettings): string {
  const { outcomes, subject, intents, person } = facts
  if (outcomes.length === 0) {
    if (person !== null) return `${subject.id} is the id of a person, not of an event: workerctl timeline --user ${subject.id} explains it.`
    return (
      `The event ${subject.id} has not arrived: no group has a record of it. It was never published (workerctl reconcile), has not been read yet (workerctl offsets show), ` +
      `could not be parsed (workerctl dlq list), or is older than DEDUPE_DAYS=${settings.dedupeDays}.${pausedGroups(facts, settings)}`
    )
  }
  const duplicate = outcomes.find(({ outcome }) => outcome === 'duplicate')
  if (duplicate !== undefined) {
    const first = intents.find(({ eventId }) => eventId !== subject.id) ?? intents[0]
    const since = first === undefined ? '' : `: ${answerOfIntent(first, facts, settings.now)}`
    return asSentence(`Nothing new: ${duplicate.group} read ${duplicate.type} as a duplicate, all of its effects existed already${since}`)
  }
  const groups = outcomes.map(({ group, outcome }) => `${group} (${outcome})`).join(', ')
  return `Nothing of the event is left to do: it was read by ${groups}.`
}

/** Records that have the id of the event and are not the event. */
function otherRecords(facts: TimelineFacts): string {
  const others = facts.deadLetters.filter((letter) => letter.state !== 'resolved' && isOfAnotherRecord(letter, facts))
  // Of one record in several groups, the first says enough.
  return others
    .slice(0, 1)
    .map((letter) => ` ${asSentence(deadLetterClause(letter, true))}`)
    .join('')
}

/** Of an event that nobody has read: what operators keep from reading, with a leading space. */
function pausedGroups({ pauses }: TimelineFacts, { groups }: AnswerSettings): string {
  const clauses = [...groups.values()].flatMap((group) => pausedReading(pauses, group) ?? [])
  return clauses.map((clause) => ` ${asSentence(clause)}`).join('')
}

function nothingAnswer({ subject, person, rewards, suppressions, mails }: TimelineFacts, { now, dedupeDays }: AnswerSettings): string {
  if (subject.of === 'reward') {
    const [reward] = rewards
    if (reward?.deliveryMethod === 'manual') return 'No reward: rewards with the method manual are delivered by hand.'
    return `No reward: its row is ${reward?.status ?? 'gone'}, and no reward.earned event of it arrived in the last DEDUPE_DAYS=${dedupeDays}; workerctl reconcile finds those that were never published.`
  }
  if (person === null) return `Nothing is on record: no participant has the id ${subject.id}, and no intent names it.`
  const [mail] = mails
  if (mail !== undefined) {
    const name = nameOf({ kind: 'mail', type: mail.type })
    return `The newest mail in email_logs is a ${name}, ${mail.status} ${ago(mail.at, now)}; no intent of it is on record: it was deleted after its retention, erased (workerctl forget), or the mail is not of this worker.`
  }
  const [suppression] = suppressions
  const mailbox =
    suppression === undefined
      ? ''
      : `; the address is suppressed (${suppression.reason}, ${ago(suppression.at, now)}), and workerctl suppressions remove --user ${subject.id} lifts it`
  const consent = person.consent ? '' : '; milestone mails need the consent of the person, who has not given it'
  return `No mail and no reward was due in the last DEDUPE_DAYS=${dedupeDays}: no event about the person is on record, whose status is ${person.deleted ? 'deleted' : person.status}${mailbox}${consent}.`
}

function campaignAnswer(
  { subject, campaign, counts, deadLetters, outcomes, pauses }: TimelineFacts,
  { now, groups }: AnswerSettings,
): string {
  if (campaign === null) return `There is no campaign ${subject.id}.`
  const blocking = blockingReason(campaign)
  if (blocking !== null) {
    const held = sum(counts.filter(({ state }) => state === 'pending'))
    const { because, fix } = reasonSentence(blocking)
    return asSentence(`Nothing is sent: ${because}; ${held} pending${blocking === 'campaign-paused' ? `, and ${fix ?? ''}` : ''}`)
  }
  const [worst] = counts.filter((one) => !['sent', 'delivered', 'skipped'].includes(one.state) && one.reason !== null).toSorted(byWeight)
  const stopped = pauses.filter(
    (pause) =>
      (pause.scope === 'campaign' && pause.target === subject.id) ||
      (pause.scope === 'group' && [...groups.values()].some((group) => coversGroup(pause, group))) ||
      (pause.scope === 'partition' && outcomes.some(({ partition }) => String(partition) === pause.target)) ||
      counts.some((one) => pauseOfCount([pause], one) !== null),
  )
  const [pause] = stopped
  if (pause !== undefined) {
    const held = sum(counts.filter((one) => pauseOfCount(stopped, one) !== null))
    const unread = pause.scope === 'group' || pause.scope === 'partition' ? ', and its events wait unread in the log' : ''
    const more = stopped.length === 1 ? '' : `; ${stopped.length - 1} more (workerctl pause list)`
    const failed = worst === undefined || weight(worst) === 0 ? '' : `; besides, ${countClause(worst, subject.id)}`
    return asSentence(`${held} of its intents ${held === 1 ? 'waits' : 'wait'}${unread}: ${pausedClause(pause)}${more}${failed}`)
  }
  if (worst !== undefined) return asSentence(countClause(worst, subject.id))
  const letters = deadLetters.filter(({ state }) => state === 'open' || state === 'requested')
  const [letter] = letters
  if (letter !== undefined)
    return asSentence(`${letters.length} of its events became dead letters, the latest ${ago(letter.at, now)}: ${deadLetterClause(letter)}`)
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
