import { contentHashOfInput, eventIdOfInput } from '../../events/publisher.ts'
import type { PlatformFact } from '../reconcile-facts.ts'
import { missingEffects } from './missing-effects.ts'
import {
  nothingOnRecord,
  type ExpectedEvent,
  type IntentFact,
  type MailFact,
  type OutcomeFact,
  type PersonRow,
  type TimelineFacts,
  type TimelineReader,
  type TimelineSubject,
} from './timeline-facts.ts'

export interface LoadSettings {
  /** The ids of the groups, registered and in use; of those in use, by the name that the code registers. */
  readonly groups: readonly string[]
  readonly inUse: ReadonlyMap<string, string>
  /** Nothing before this time is expected to have an outcome: DEDUPE_DAYS ago. */
  readonly rememberedFrom: Date
  /** Movements from this time on; null: all. */
  readonly since: Date | null
  /** Of each kind of row. */
  readonly limit: number
}

/** Reads all that is on record about a person, an event, a campaign or a reward. Throws SqlError. */
export async function loadTimeline(reader: TimelineReader, subject: TimelineSubject, settings: LoadSettings): Promise<TimelineFacts> {
  switch (subject.of) {
    case 'user':
      return ofPerson(reader, subject, settings)
    case 'event':
      return ofEvent(reader, subject, settings)
    case 'campaign':
      return ofCampaign(reader, subject, settings)
    case 'reward':
      return ofReward(reader, subject, settings)
  }
}

async function ofPerson(reader: TimelineReader, subject: TimelineSubject, settings: LoadSettings): Promise<TimelineFacts> {
  const { limit, since } = settings
  const [person, intents] = [await reader.person(subject.id), await reader.intentsOf(subject.id, limit)]
  const expected = await expectedOf(reader, await reader.facts(subject.id), settings)
  const { mails, deliveries } = await reader.logged(intents.map(({ id }) => id))
  return {
    ...nothingOnRecord,
    subject,
    person,
    intents,
    expected,
    pauses: await reader.pauses(),
    suppressions: await suppressionsOf(reader, person),
    ...(await becameOf(reader, intents, expected, settings)),
    mails: [...mails, ...without(await reader.mailsTo(subject.id, limit), mails)],
    deliveries,
    rewards: await reader.rewards({ userId: subject.id }, limit),
    movements: await reader.movements({ userId: subject.id, campaignId: null }, since, limit),
  }
}

async function ofEvent(reader: TimelineReader, subject: TimelineSubject, { groups, limit }: LoadSettings): Promise<TimelineFacts> {
  const intents = await reader.intentsOfEvent(groups, subject.id)
  const outcomes = await reader.outcomes(groups, [subject.id])
  const deadLetters = await reader.deadLetters(groups, { eventIds: [subject.id] }, limit)
  const isKnown = outcomes.length > 0 || deadLetters.length > 0
  return {
    ...nothingOnRecord,
    subject,
    // Of an id without an event, because it may be that of a person.
    person: isKnown ? null : await reader.person(subject.id),
    intents,
    pauses: await reader.pauses(),
    suppressions: await suppressionsOf(reader, await personOf(reader, intents)),
    outcomes,
    deadLetters,
    ...(await reader.logged(intents.map(({ id }) => id))),
  }
}

async function ofReward(reader: TimelineReader, subject: TimelineSubject, settings: LoadSettings): Promise<TimelineFacts> {
  const rewards = await reader.rewards({ userRewardId: subject.id }, settings.limit)
  const userId = rewards[0]?.userId ?? null
  if (userId === null) return { ...nothingOnRecord, subject }
  const person = await reader.person(userId)
  const intents = (await reader.intentsOf(userId, settings.limit)).filter(({ userRewardId }) => userRewardId === subject.id)
  const facts = (await reader.facts(userId)).filter((fact) => fact.type === 'reward.earned' && fact.userRewardId === subject.id)
  const expected = await expectedOf(reader, facts, settings)
  return {
    ...nothingOnRecord,
    subject,
    intents,
    expected,
    rewards,
    pauses: await reader.pauses(),
    suppressions: await suppressionsOf(reader, person),
    ...(await becameOf(reader, intents, expected, settings)),
    ...(await reader.logged(intents.map(({ id }) => id))),
  }
}

async function ofCampaign(
  reader: TimelineReader,
  subject: TimelineSubject,
  { groups, limit, since }: LoadSettings,
): Promise<TimelineFacts> {
  const intents = await reader.intentsOfCampaign(subject.id, limit)
  return {
    ...nothingOnRecord,
    subject,
    intents,
    pauses: await reader.pauses(),
    campaign: await reader.campaign(subject.id),
    counts: await reader.countsOfCampaign(subject.id),
    outcomes: await reader.outcomes(groups, eventIdsOf(intents, [])),
    deadLetters: await reader.deadLetters(groups, { campaignId: subject.id }, limit),
    ...(await reader.logged(intents.map(({ id }) => id))),
    movements: await reader.movements({ campaignId: subject.id, userId: null }, since, limit),
  }
}

/** The events that the platform's rows should have caused lately. */
async function expectedOf(
  reader: TimelineReader,
  facts: readonly PlatformFact[],
  { rememberedFrom }: LoadSettings,
): Promise<readonly ExpectedEvent[]> {
  const foreign = await reader.foreignTypes()
  return facts
    .filter(({ timestamp }) => timestamp >= rememberedFrom)
    .map((fact) => ({
      type: fact.type,
      isForeign: foreign.includes(fact.type),
      eventId: eventIdOfInput(fact),
      contentHash: Buffer.from(contentHashOfInput(fact)).toString('hex'),
      at: fact.timestamp,
    }))
}

/**
 * What became of the events of these intents and of those expected. An expected one that no outcome has under its own id is looked for under
 * any: an edited copy, or an event whose publisher gave it an id, is the same fact.
 */
async function becameOf(
  reader: TimelineReader,
  intents: readonly IntentFact[],
  expected: readonly ExpectedEvent[],
  { groups, inUse, limit }: LoadSettings,
) {
  const eventIds = eventIdsOf(intents, expected)
  const found = await reader.outcomes(groups, eventIds)
  const missing = expected.filter((event) => missingEffects(event, { outcomes: found, deadLetters: [] }, inUse).length > 0)
  const others = missing.length === 0 ? [] : await reader.outcomesOfFacts(groups, missing.map(({ contentHash }) => contentHash)) // prettier-ignore
  const isKnown = ({ group, eventId }: OutcomeFact) => found.some((one) => one.group === group && one.eventId === eventId)
  const outcomes = [...found, ...others.filter((one) => !isKnown(one))]
  const ids = [...new Set([...eventIds, ...outcomes.map(({ eventId }) => eventId)])]
  return { outcomes, deadLetters: await reader.deadLetters(groups, { eventIds: ids }, limit) }
}

/** Those of which the others hold no row. */
function without(mails: readonly MailFact[], others: readonly MailFact[]): readonly MailFact[] {
  const known = new Set(others.map(({ id }) => id))
  return mails.filter(({ id }) => !known.has(id))
}

function eventIdsOf(intents: readonly IntentFact[], expected: readonly ExpectedEvent[]): readonly string[] {
  const ids = [...intents.map(({ eventId }) => eventId), ...expected.map(({ eventId }) => eventId)]
  return [...new Set(ids.filter((id) => id !== null))]
}

async function personOf(reader: TimelineReader, intents: readonly IntentFact[]): Promise<PersonRow | null> {
  const userId = intents.find((intent) => intent.userId !== null)?.userId ?? null
  return userId === null ? null : reader.person(userId)
}

async function suppressionsOf(reader: TimelineReader, person: PersonRow | null) {
  return person === null ? [] : reader.suppressions(person.accountId, person.email)
}
