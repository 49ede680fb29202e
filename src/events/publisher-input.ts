import type { EventType } from './event.ts'

/** The fields a publisher passes for each event type. All ids are uuids, in upper or lower case. */
export interface EventInput {
  'user.signed_up': Occurrence & Person
  'user.verified': Occurrence & Person
  'referral.created': Occurrence & Referral
  'referral.verified': Occurrence &
    Referral & {
      /** Informational only: the campaign's own setting applies. */
      readonly pointsPerReferral: number
    }
  'reward.earned': Occurrence & {
    /** `user_rewards.id`: the individual grant, not the kind of reward. */
    readonly userRewardId: string
    readonly userId: string
    /** `rewards.id`: the kind of reward. */
    readonly rewardId: string
  }
  'campaign.milestone_reached': Occurrence & {
    /** Unique within the campaign, such as `1000_participants`; together with the campaign it identifies the event. */
    readonly milestone: string
    /** Participants when the milestone was reached, an integer from 0. */
    readonly participantCount: number
  }
}

/** An event of any type, named by `type`: for lists of mixed events. */
export type TypedInput = { [Type in EventType]: EventInput[Type] & { readonly type: Type } }[EventType]

interface Occurrence {
  readonly accountId: string
  /** Also the key of the record: all events of a campaign share a partition, in order. */
  readonly campaignId: string
  /** A uuid. By default it is derived from the fact, so that publishing the same fact again is a duplicate. */
  readonly eventId?: string
  /** When it happened; default: now. */
  readonly timestamp?: Date
  /** Printable ASCII, at most 200 characters: correlates this event with a request in your logs. */
  readonly correlationId?: string
  /** The W3C `traceparent` of the current span. */
  readonly traceparent?: string
}

interface Person {
  readonly userId: string
  readonly email: string
}

interface Referral {
  readonly referralId: string
  /** The person who invited. */
  readonly referrerId: string
  /** The person who joined. */
  readonly referredId: string
}
