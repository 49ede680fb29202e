import { systemClock } from '../std/clock.ts'
import type { Clock } from '../std/clock.ts'
import { catalogue, dataFault, envelopeFault, eventTypes, isEventType } from './catalogue.ts'
import type { EventData, EventType } from './event.ts'
import type { EventTransport } from './event-transport.ts'
import { header } from './header.ts'
import { eventIdOf } from './identity.ts'
import { InvalidEvent } from './invalid-event.ts'
import type { EventInput, TypedInput } from './publisher-input.ts'

/** Publishes domain events. Every promise resolves when all replicas have acknowledged; an {@link InvalidEvent} rejects it before anything is sent. */
export interface Publisher {
  /** A person joined the waitlist. */
  publishUserSignedUp(event: EventInput['user.signed_up']): Promise<Published>
  /** A person confirmed their email address. */
  publishUserVerified(event: EventInput['user.verified']): Promise<Published>
  /** A person joined through the link of another. */
  publishReferralCreated(event: EventInput['referral.created']): Promise<Published>
  /** A referred person confirmed their address. */
  publishReferralVerified(event: EventInput['referral.verified']): Promise<Published>
  /** A person earned a reward. */
  publishRewardEarned(event: EventInput['reward.earned']): Promise<Published>
  /** A campaign reached a milestone. */
  publishCampaignMilestoneReached(event: EventInput['campaign.milestone_reached']): Promise<Published>
  /**
   * Publishes many events, in one request per broker; the events of a campaign keep their order. All are validated before the first is sent. When it
   * rejects with anything but {@link InvalidEvent}, some may have been appended: publish the same list again, consumers deduplicate by event id.
   */
  publishMany(events: readonly TypedInput[]): Promise<readonly Published[]>
}

interface Published {
  /** The id by which consumers deduplicate; publishing the same fact again yields the same id. */
  readonly eventId: string
}

export interface PublisherOptions {
  readonly transport: EventTransport
  /** `domain-events`, unless the worker is configured otherwise (`KAFKA_TOPIC`). */
  readonly topic: string
  readonly clock?: Pick<Clock, 'now'>
}

/**
 * The publisher for applications. It sets ids, headers, version and key, so that callers pass the facts only. The record key is the campaign id,
 * so the events of a campaign keep their order. Publish after the change is committed, or just before: consumers wait for missing rows.
 */
export function createPublisher({ transport, topic, clock = systemClock }: PublisherOptions): Publisher {
  async function publishMany(events: readonly TypedInput[]): Promise<readonly Published[]> {
    const messages = events.map((event) => encode(event, clock.now()))
    if (messages.length > 0) await transport.send(topic, messages)
    return messages.map(({ eventId }) => ({ eventId }))
  }

  async function publish(event: TypedInput): Promise<Published> {
    const message = encode(event, clock.now())
    await transport.send(topic, [message])
    return { eventId: message.eventId }
  }

  return {
    publishUserSignedUp: (event) => publish({ ...event, type: 'user.signed_up' }),
    publishUserVerified: (event) => publish({ ...event, type: 'user.verified' }),
    publishReferralCreated: (event) => publish({ ...event, type: 'referral.created' }),
    publishReferralVerified: (event) => publish({ ...event, type: 'referral.verified' }),
    publishRewardEarned: (event) => publish({ ...event, type: 'reward.earned' }),
    publishCampaignMilestoneReached: (event) => publish({ ...event, type: 'campaign.milestone_reached' }),
    publishMany,
  }
}

/** The default event id of an input. */
export function eventIdOfInput(input: TypedInput): string {
  return eventIdOf(input.type, dataOf(input))
}

interface EncodedMessage {
  readonly key: string
  readonly value: Buffer
  readonly headers: Record<string, string>
  readonly eventId: string
}

function encode(input: TypedInput, now: number): EncodedMessage {
  const { type } = input
  // For callers without types: a misspelt type would have no consumer and go unnoticed.
  if (!isEventType(type)) throw new InvalidEvent(String(type), `type must be one of ${eventTypes.join(', ')}`)
  const data = dataOf(input)
  const fault = dataFault(type, withoutGaps(data))
  if (fault !== null) throw new InvalidEvent(type, fault)

  const timestamp = timestampOf(type, input.timestamp ?? new Date(now))
  const eventId = lowerCase(input.eventId) ?? eventIdOf(type, data)
  const envelope = { id: eventId, type, account_id: lowerCase(input.accountId), campaign_id: data.campaign_id, data, timestamp }
  const envelopeProblem = envelopeFault(withoutGaps(envelope))
  if (envelopeProblem !== null) throw new InvalidEvent(type, envelopeProblem)
  return {
    key: data.campaign_id,
    value: Buffer.from(JSON.stringify(envelope)),
    headers: {
      [header.type]: type,
      [header.version]: String(catalogue[type].version),
      [header.id]: eventId,
      [header.contentType]: 'application/json',
      [header.timestamp]: timestamp,
      ...tracing(type, input),
    },
    eventId,
  }
}

/** Names as on the wire. Ids in lower case: event ids and keys are derived from their text, and two spellings would be two events. */
function dataOf(input: TypedInput): { readonly [Type in EventType]: EventData[Type] }[EventType] {
  const campaign_id = lowerCase(input.campaignId)
  switch (input.type) {
    case 'user.signed_up':
    case 'user.verified':
      return { user_id: lowerCase(input.userId), campaign_id, email: input.email }
    case 'referral.created':
      return referralOf(input, campaign_id)
    case 'referral.verified':
      return { ...referralOf(input, campaign_id), points_per_referral: input.pointsPerReferral }
    case 'reward.earned':
      return {
        user_reward_id: lowerCase(input.userRewardId),
        user_id: lowerCase(input.userId),
        campaign_id,
        reward_id: lowerCase(input.rewardId),
      }
    case 'campaign.milestone_reached':
    default:
      return { campaign_id, milestone: input.milestone, participant_count: input.participantCount }
  }
}

function referralOf(input: EventInput['referral.created'], campaign_id: string): EventData['referral.created'] {
  return {
    referral_id: lowerCase(input.referralId),
    referrer_id: lowerCase(input.referrerId),
    referred_id: lowerCase(input.referredId),
    campaign_id,
  }
}

function timestampOf(type: EventType, at: Date): string {
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) throw new InvalidEvent(type, 'timestamp must be a valid Date')
  return at.toISOString()
}

function tracing(type: EventType, { correlationId, traceparent }: TypedInput): Record<string, string> {
  if (correlationId !== undefined && !/^[\x20-\x7e]{1,200}$/.test(correlationId)) {
    throw new InvalidEvent(type, 'correlationId must be 1 to 200 printable ASCII characters')
  }
  // https://www.w3.org/TR/trace-context/#traceparent-header, version 00
  if (traceparent !== undefined && !/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)) {
    throw new InvalidEvent(type, 'traceparent must be a W3C traceparent of version 00')
  }
  return {
    ...(correlationId === undefined ? {} : { [header.correlationId]: correlationId }),
    ...(traceparent === undefined ? {} : { [header.traceparent]: traceparent }),
  }
}

/** Anything but a string is passed through: the catalogue then rejects the field by name. */
function lowerCase(id: string): string
function lowerCase(id: string | undefined): string | undefined
function lowerCase(id: string | undefined): string | undefined {
  return typeof id === 'string' ? id.toLowerCase() : id
}

/** JSON has no undefined: such fields are missing. */
function withoutGaps(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
