import { events } from '../../src/events/catalogue/events.ts'
import { eventIdOf } from '../../src/events/identity.ts'
import type { AnyEvent, EventData, EventType } from '../../src/events/event.ts'

/** The nth uuid of a kind (one hexadecimal digit), so that a test can tell ids apart by eye. */
export function uuid(kind: string, n: number): string {
  return `00000000-0000-4000-8000-${kind}${n.toString(16).padStart(11, '0')}`
}

export const campaignId = uuid('c', 1)

const samples = {
  'user.signed_up': (n) => ({ user_id: uuid('a', n), campaign_id: campaignId, email: `person-${n}@example.com` }),
  'user.verified': (n) => ({ user_id: uuid('a', n), campaign_id: campaignId, email: `person-${n}@example.com` }),
  'referral.created': (n) => ({ referral_id: uuid('b', n), referrer_id: uuid('a', 1), referred_id: uuid('a', n), campaign_id: campaignId }),
  'referral.verified': (n) => ({
    referral_id: uuid('b', n),
    referrer_id: uuid('a', 1),
    referred_id: uuid('a', n),
    campaign_id: campaignId,
    points_per_referral: 10,
  }),
  'reward.earned': (n) => ({ user_reward_id: uuid('d', n), user_id: uuid('a', n), campaign_id: campaignId, reward_id: uuid('e', 1) }),
  'campaign.milestone_reached': (n) => ({ campaign_id: campaignId, milestone: `${n}_participants`, participant_count: n }),
} satisfies { readonly [Type in EventType]?: (n: number) => EventData[Type] }

/** `data` of each type, about the nth person of one campaign; of a type that no test writes about, its example. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each type has the data of its type
export const sampleData = {
  ...Object.fromEntries(events.map(({ type, examples: [example] }) => [type, () => ({ ...example?.data, campaign_id: campaignId })])),
  ...samples,
} as { readonly [Type in EventType]: (n: number) => EventData[Type] }

/** A whole event about the nth person, under the id that the publisher would give it. */
export function sampleEvent<Type extends EventType>(type: Type, n = 1): Extract<AnyEvent, { type: Type }> {
  const data = sampleData[type](n)
  const event = {
    id: eventIdOf(type, data),
    type,
    account_id: uuid('f', 1),
    campaign_id: campaignId,
    data,
    timestamp: '2030-01-01T00:00:00Z',
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- data is that of the type; TypeScript cannot follow the index
  return event as unknown as Extract<AnyEvent, { type: Type }>
}
