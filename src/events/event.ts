/** The `data` of each event type as sent on the wire (ids are lower-case uuids). */
export interface EventData {
  'user.signed_up': { user_id: string; campaign_id: string; email: string }
  'user.verified': { user_id: string; campaign_id: string; email: string }
  'referral.created': { referral_id: string; referrer_id: string; referred_id: string; campaign_id: string }
  'referral.verified': {
    referral_id: string
    referrer_id: string
    referred_id: string
    campaign_id: string
    /** Informational only: the campaign's own setting applies. */
    points_per_referral: number
  }
  'reward.earned': { user_reward_id: string; user_id: string; campaign_id: string; reward_id: string }
  'campaign.milestone_reached': { campaign_id: string; milestone: string; participant_count: number }
}

export type EventType = keyof EventData

/** The envelope as sent on the wire, validated against the catalogue. */
export interface DomainEvent<Type extends EventType = EventType> {
  readonly id: string
  readonly type: Type
  readonly account_id: string
  readonly campaign_id: string
  readonly data: Readonly<EventData[Type]>
  /** RFC 3339, by the publisher's clock. */
  readonly timestamp: string
}

/** An event of any type; `switch (event.type)` narrows `data`. */
export type AnyEvent = { [Type in EventType]: DomainEvent<Type> }[EventType]
