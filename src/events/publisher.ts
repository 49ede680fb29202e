import { systemClock } from '../std/clock.ts'
import type { Clock } from '../std/clock.ts'
import { catalogue, dataFault, envelopeFault, eventTypes, isEventType } from './catalogue.ts'
import type { EventData, EventType } from './event.ts'
import type { EventTransport } from './event-transport.ts'
import { header } from './header.ts'
import { eventIdOf } from './identity.ts'
import { InvalidEvent } from './invalid-event.ts'
import type { EventInput, TypedInput } from './publisher-input.ts'

/** Tells what happened. Every promise resolves when all replicas have acknowledged, and rejects with {@link InvalidEvent} before anything is sent. */
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
   * Many at once, in one request per broker; those of a campaign stay in their order. All are checked before the first is sent. When it rejects for
   * another reason than {@link InvalidEvent}, some may have been appended: publish the same list again, their ids make the repetition harmless.
   */
  publishMany(events: readonly TypedInput[]): Promise<readonly Published[]>
}

interface Published {
  /** The id that every consumer knows the event by; telling the same fact again gives the same id. */
  readonly eventId: string
}

export interface PublisherOptions {
  readonly transport: EventTransport
  /** `domain-events`, unless the worker was configured otherwise (`KAFKA_TOPIC`). */
  readonly topic: string
  readonly clock?: Pick<Clock, 'now'>
}

/**
 * The one way for an application to publish: ids, headers, version and key are made here, so that only the facts are left to say. The key is the
 * campaign id: the events of a campaign keep their order. Publish when the change is committed, or just before; consumers wait for missing rows.
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

/** The id that an event gets whose publisher gives none. */
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
  // For callers without types: a misspelt type would find no reader, and nobody would hear of it.
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

/** The wire's names. Ids in lower case: event ids and keys are made of their text, and two spellings would be two events. */
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

/** Lets anything but text through as it is: the catalogue then names the field. */
function lowerCase(id: string): string
function lowerCase(id: string | undefined): string | undefined
function lowerCase(id: string | undefined): string | undefined {
  return typeof id === 'string' ? id.toLowerCase() : id
}

/** JSON has no undefined, so that what is undefined is missing. */
function withoutGaps(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
