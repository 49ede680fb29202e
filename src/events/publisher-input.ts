import type { EventType } from './event.ts'

/** What a publisher says of each event beside its type. All ids are uuids, in either case. */
export interface EventInput {
  'user.signed_up': Occurrence & Person
  'user.verified': Occurrence & Person
  'referral.created': Occurrence & Referral
  'referral.verified': Occurrence &
    Referral & {
      /** Information for readers: the campaign's own setting is the truth. */
      readonly pointsPerReferral: number
    }
  'reward.earned': Occurrence & {
    /** `user_rewards.id`: the one grant, not the kind of reward. */
    readonly userRewardId: string
    readonly userId: string
    /** `rewards.id`: the kind of reward. */
    readonly rewardId: string
  }
  'campaign.milestone_reached': Occurrence & {
    /** A name that is unique in the campaign, such as `1000_participants`; with the campaign it identifies the event. */
    readonly milestone: string
    /** At that moment; a whole number from 0. */
    readonly participantCount: number
  }
}

/** An event of any type, named by `type`: for lists of mixed events. */
export type TypedInput = { [Type in EventType]: EventInput[Type] & { readonly type: Type } }[EventType]

interface Occurrence {
  readonly accountId: string
  /** Also the key of the record: all events of a campaign share a partition, in order. */
  readonly campaignId: string
  /** A uuid. Left out, it is made from what happened, so that telling the same fact again is no second event. */
  readonly eventId?: string
  /** When it happened; now, when left out. */
  readonly timestamp?: Date
  /** Printable ASCII, at most 200 characters: joins this event to a request of yours in logs. */
  readonly correlationId?: string
  /** The W3C header of the current span. */
  readonly traceparent?: string
}

interface Person {
  readonly userId: string
  readonly email: string
}

interface Referral {
  readonly referralId: string
  /** Who invited. */
  readonly referrerId: string
  /** Who came. */
  readonly referredId: string
}
