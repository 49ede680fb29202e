import type { RewardRecord } from '../explain-event.ts'
import type { IntentLine } from '../intents/intent-admin.ts'
import type { PlatformFact } from '../reconcile-facts.ts'
import type { LetterState } from '../dead-letters/dead-letter-admin.ts'
import type { DeadLetterReason } from '../../model/dead-letter-reason.ts'
import type { Pause } from '../../model/pause.ts'

/** The person, the campaign and the account, as the platform's rows say. */
export interface PersonRow {
  readonly userId: string
  readonly email: string
  readonly status: string
  readonly deleted: boolean
  readonly joinedAt: Date
  readonly verifiedAt: Date | null
  readonly consent: boolean
  readonly campaignId: string
  readonly campaignStatus: string
  readonly accountId: string
  readonly accountStatus: string
}

export interface CampaignState {
  readonly campaignId: string
  readonly status: string
  readonly deleted: boolean
  readonly accountId: string
  readonly accountStatus: string
  readonly createdAt: Date
  readonly recalculatedAt: Date | null
}

export interface SuppressionFact {
  readonly reason: string
  readonly at: Date
}

export interface OutcomeFact {
  readonly group: string
  readonly eventId: string
  readonly type: string
  /** Of what the event says happened, in hexadecimal: the same fact has it under any id. */
  readonly contentHash: string
  readonly outcome: string
  readonly partition: number
  readonly offset: string
  readonly at: Date
}

export interface DeadLetterFact {
  readonly group: string
  readonly eventId: string | null
  readonly type: string | null
  readonly reason: DeadLetterReason
  readonly state: LetterState
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly at: Date
}

/** An intent with the rows that it wrote to the delivery logs. */
export interface IntentFact extends IntentLine {
  readonly class: string
  readonly detail: string | null
  readonly eventAt: Date | null
  readonly waitingSince: Date | null
}

/** A row of `email_logs`. */
export interface MailFact {
  readonly id: string
  /** Null: no intent of it is on record. */
  readonly intentId: string | null
  readonly type: string
  readonly status: string
  readonly recipient: string
  readonly messageId: string | null
  readonly error: string | null
  readonly at: Date
}

/** A row of `webhook_deliveries` that an intent wrote. */
export interface DeliveryFact {
  readonly intentId: string
  readonly status: string
  readonly responseStatus: number | null
  readonly attempt: number
  readonly nextRetryAt: Date | null
  readonly error: string | null
  readonly at: Date
}

export interface RewardFact extends RewardRecord {
  readonly earnedAt: Date | null
  readonly createdAt: Date
}

export interface MovementFact {
  readonly userId: string
  readonly at: Date
  readonly fromPosition: number | null
  readonly toPosition: number | null
  readonly fromScore: string | null
  readonly toScore: string | null
}

/** How many intents of a campaign are in a state, of a kind and for a reason. */
export interface IntentCount {
  readonly group: string
  readonly channel: string
  readonly kind: string
  readonly state: IntentLine['state']
  readonly reason: string | null
  /** Of those that a pause has set aside, or whose endpoint is paused, `pauseTag` of it. */
  readonly pause: string | null
  readonly count: number
}

/** An event that follows from a row of the platform, with the id that our publisher gives it. */
export interface ExpectedEvent {
  /** The publisher of its type chooses ids of its own: it is on record under another id, and only its publisher may publish it again. */
  readonly isForeign: boolean
  readonly type: PlatformFact['type']
  readonly eventId: string
  /** As that of an outcome. */
  readonly contentHash: string
  readonly at: Date
}

/** What a timeline is of. */
export interface TimelineSubject {
  readonly of: 'user' | 'event' | 'campaign' | 'reward'
  readonly id: string
}

/** All that is on record; null and empty where nothing is. */
export interface TimelineFacts {
  readonly subject: TimelineSubject
  readonly person: PersonRow | null
  readonly campaign: CampaignState | null
  readonly suppressions: readonly SuppressionFact[]
  readonly expected: readonly ExpectedEvent[]
  /** What operators have paused, anywhere. */
  readonly pauses: readonly Pause[]
  readonly outcomes: readonly OutcomeFact[]
  readonly deadLetters: readonly DeadLetterFact[]
  /** The newest first. */
  readonly intents: readonly IntentFact[]
  readonly mails: readonly MailFact[]
  readonly deliveries: readonly DeliveryFact[]
  readonly rewards: readonly RewardFact[]
  readonly movements: readonly MovementFact[]
  /** Of a campaign. */
  readonly counts: readonly IntentCount[]
}

/** Of a subject about which nothing was found. */
export const nothingOnRecord: Omit<TimelineFacts, 'subject'> = {
  person: null,
  campaign: null,
  suppressions: [],
  expected: [],
  pauses: [],
  outcomes: [],
  deadLetters: [],
  intents: [],
  mails: [],
  deliveries: [],
  rewards: [],
  movements: [],
  counts: [],
}

/** The port of the timeline. Throws SqlError. Every list holds at most `limit`, the newest. */
export interface TimelineReader {
  person(userId: string): Promise<PersonRow | null>
  /** The platform's rows that cause an event about this person; `derived`: the types whose publisher uses our ids. */
  facts(userId: string): Promise<readonly PlatformFact[]>
  suppressions(accountId: string, address: string): Promise<readonly SuppressionFact[]>
  outcomes(groups: readonly string[], eventIds: readonly string[]): Promise<readonly OutcomeFact[]>
  /** The outcomes of these facts under whatever id, by their hashes in hexadecimal: reads the whole table. */
  outcomesOfFacts(groups: readonly string[], contentHashes: readonly string[]): Promise<readonly OutcomeFact[]>
  /** What is paused, the oldest pause first. */
  pauses(): Promise<readonly Pause[]>
  deadLetters(
    groups: readonly string[],
    of: { readonly eventIds: readonly string[] } | { readonly campaignId: string },
    limit: number,
  ): Promise<readonly DeadLetterFact[]>
  intentsOf(userId: string, limit: number): Promise<readonly IntentFact[]>
  /** The intents that an event caused, by the keys in its outcomes. */
  intentsOfEvent(groups: readonly string[], eventId: string): Promise<readonly IntentFact[]>
  /** Of a campaign: reads the whole table. */
  intentsOfCampaign(campaignId: string, limit: number): Promise<readonly IntentFact[]>
  countsOfCampaign(campaignId: string): Promise<readonly IntentCount[]>
  /** The mails to a person, by the platform's own column. */
  mailsTo(userId: string, limit: number): Promise<readonly MailFact[]>
  /** What these intents wrote to the delivery logs. */
  logged(intentIds: readonly string[]): Promise<{ readonly mails: readonly MailFact[]; readonly deliveries: readonly DeliveryFact[] }>
  rewards(of: { readonly userId: string } | { readonly userRewardId: string }, limit: number): Promise<readonly RewardFact[]>
  /** Of a campaign, of a person, or of a person in a campaign; the newest first. */
  movements(
    of: { readonly campaignId: string | null; readonly userId: string | null },
    since: Date | null,
    limit: number,
  ): Promise<readonly MovementFact[]>
  campaign(campaignId: string): Promise<CampaignState | null>
  /** Types of events whose publisher chooses ids of its own. */
  foreignTypes(): Promise<readonly string[]>
}
