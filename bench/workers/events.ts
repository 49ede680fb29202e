import type { TypedInput } from '../../src/events/publisher-input.ts'
import type { EventTransport } from '../../src/events/event-transport.ts'
import { createPublisher, type Publisher } from '../../src/events/publisher.ts'
import { idOf, numberIn, PARTITIONS, TENANTS, tenantOf } from './ids.ts'
import { DAY_MS } from '../../src/std/day.ts'

/** Accounts and campaigns of the tenants. */
const inTenant = (tenant: number) => ({ accountId: idOf('account', tenant), campaignId: idOf('campaign', tenant) })

/** The n-th person joins, now: a welcome mail. */
export function signUp(n: number, tenants?: number): TypedInput {
  return { type: 'user.signed_up', ...inTenant(tenantOf(n, tenants)), userId: idOf('person', n), email: `person-${n}@example.com` }
}

/** The n-th person earns a reward, now: a webhook. */
export function rewardEarned(n: number, tenants?: number): TypedInput {
  const tenant = tenantOf(n, tenants)
  return {
    type: 'reward.earned',
    ...inTenant(tenant),
    userRewardId: idOf('userReward', n),
    userId: idOf('person', n),
    rewardId: idOf('reward', tenant),
  }
}

/** The n-th of a topic of a month ago: of a hundred events 40 sign-ups, 20 verifications, 15 referrals, 15 verified, 8 rewards, 2 milestones. */
export function oldEvent(n: number): TypedInput {
  // Every tenant gets every type, and every thousand events have all tenants.
  const tenant = (n + Math.floor(n / 100)) % TENANTS
  const at = { ...inTenant(tenant), timestamp: new Date(Date.now() - 30 * DAY_MS) }
  const person = { userId: idOf('person', n), email: `person-${n}@example.com` }
  const referral = { referralId: idOf('referral', n), referrerId: idOf('person', n), referredId: idOf('person', n + 1) }
  switch (oldEventType(n)) {
    case 'user.signed_up':
      return { type: 'user.signed_up', ...at, ...person }
    case 'user.verified':
      return { type: 'user.verified', ...at, ...person }
    case 'referral.created':
      return { type: 'referral.created', ...at, ...referral }
    case 'referral.verified':
      return { type: 'referral.verified', ...at, ...referral, pointsPerReferral: 1 }
    case 'reward.earned':
      return { type: 'reward.earned', ...at, userRewardId: idOf('userReward', n), userId: person.userId, rewardId: idOf('reward', tenant) }
    case 'campaign.milestone_reached':
      return { type: 'campaign.milestone_reached', ...at, milestone: `milestone-${n}`, participantCount: 1_000 }
  }
}

/** The type of the n-th of them. */
export function oldEventType(n: number) {
  const share = n % 100
  if (share < 40) return 'user.signed_up'
  if (share < 60) return 'user.verified'
  if (share < 75) return 'referral.created'
  if (share < 90) return 'referral.verified'
  return share < 98 ? 'reward.earned' : 'campaign.milestone_reached'
}

/**
 * Our publisher, with two additions for the hand-written workers: an event about a person says what their mail says, which ours reads from the
 * rows, and the campaigns share the partitions evenly.
 */
export function createFeed(transport: EventTransport, topic: string): Publisher {
  return createPublisher({
    topic,
    transport: { send: (topic, messages) => transport.send(topic, messages.map(completed)) },
  })
}

type Message = Parameters<EventTransport['send']>[1][number]

function completed(message: Message): Message & { readonly partition: number } {
  const partition = numberIn(message.key) % PARTITIONS
  const event: { readonly type: string; readonly data: Readonly<Record<string, unknown>> } = JSON.parse(String(message.value))
  if (!event.type.startsWith('user.')) return { ...message, partition }
  const n = numberIn(String(event.data['user_id']))
  const data = { ...event.data, first_name: 'Ada', referral_code: `R${n}`, position: n }
  return { ...message, partition, value: Buffer.from(JSON.stringify({ ...event, data })) }
}
