import type { FactType } from '../reconcile-facts.ts'
import type { DeadLetterFact, ExpectedEvent, IntentFact, OutcomeFact, TimelineFacts } from './timeline-facts.ts'

/** What a person misses, and the id of the group that should have caused it. */
export interface MissingEffect {
  readonly group: string
  readonly name: string
}

/** The effect that a person expects of an event, by the group that has it. */
const effects: Readonly<Record<FactType | 'campaign.milestone_reached', readonly MissingEffect[]>> = {
  'user.signed_up': [{ group: 'email-workers', name: 'welcome mail' }],
  'user.verified': [{ group: 'email-workers', name: 'verification mail' }],
  'referral.created': [],
  'referral.verified': [{ group: 'email-workers', name: 'position mail' }],
  'reward.earned': [
    { group: 'reward-workers', name: 'reward' },
    { group: 'email-workers', name: 'mail about the reward' },
  ],
  'campaign.milestone_reached': [{ group: 'email-workers', name: 'milestone broadcast' }],
}

/** What a group does about a type of event, as a person would call it; null where a person would not notice. `groups`: the ids by name. */
export function effectOf(type: string | null, group: string, groups: ReadonlyMap<string, string>): string | null {
  return effectsOf(type, groups).find((one) => one.group === group)?.name ?? null
}

/** The effects that a person expects of a type of event, in the groups that this installation has. `groups`: the ids by name. */
export function effectsOf(type: string | null, groups: ReadonlyMap<string, string>): readonly MissingEffect[] {
  const all = Object.entries(effects).flatMap(([known, some]) => (known === type ? some : []))
  return all.flatMap(({ group, name }) => {
    const id = groups.get(group)
    return id === undefined ? [] : [{ group: id, name }]
  })
}

/**
 * The groups that should have an outcome of an event and have none, with what the person misses. An outcome of the same fact under another id
 * is one: publishing the event as well would have its effect a second time. A letter that a replay has resolved has left an outcome.
 */
export function missingEffects(
  { type, eventId, contentHash }: ExpectedEvent,
  { outcomes, deadLetters }: { readonly outcomes: readonly OutcomeFact[]; readonly deadLetters: readonly DeadLetterFact[] },
  groups: ReadonlyMap<string, string>,
): readonly MissingEffect[] {
  return effectsOf(type, groups).filter(
    ({ group }) =>
      !outcomes.some((one) => one.group === group && (one.eventId === eventId || one.contentHash === contentHash)) &&
      !deadLetters.some((one) => one.group === group && one.eventId === eventId && one.state !== 'resolved'),
  )
}

/**
 * Whether a dead letter is of another record than the event on record under its id: an id stands for one fact, and whatever else comes with it
 * is given up. Or of a broken record of the same event, of which a right one came as well.
 */
export function isOfAnotherRecord(letter: DeadLetterFact, { subject, outcomes, expected, intents }: TimelineFacts): boolean {
  const ofLetter = ({ group, eventId }: Pick<IntentFact, 'group' | 'eventId'>) => group === letter.group && eventId === letter.eventId
  if (intents.some(ofLetter)) return true
  const accepted = outcomes.find((outcome) => outcome.outcome !== 'dead-letter' && ofLetter(outcome))
  return accepted !== undefined && (subject.of === 'event' || expected.some(({ contentHash }) => contentHash === accepted.contentHash))
}

/** Whether a person misses nothing for a dead letter: a replay has resolved it, or its group has accepted what it should say, under any id. */
export function isMadeUpFor(letter: DeadLetterFact, facts: TimelineFacts): boolean {
  if (letter.state === 'resolved' || isOfAnotherRecord(letter, facts)) return true
  const event = facts.expected.find(({ eventId }) => eventId === letter.eventId)
  const isSame = ({ group, outcome, contentHash }: OutcomeFact) =>
    group === letter.group && outcome !== 'dead-letter' && contentHash === event?.contentHash
  return event !== undefined && facts.outcomes.some(isSame)
}
