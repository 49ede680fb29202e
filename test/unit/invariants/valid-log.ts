import { createHash } from 'node:crypto'
import { knownGroups } from '../../../src/consumers/registry.ts'
import { handles } from '../../invariants/expected-effects.ts'
import type { Change, Entry, EntryOf, Group, Run } from '../../invariants/history.ts'
import { groupPromises } from '../../support/faults/group-promises.ts'

/** Everything happens some milliseconds after this. */
export const T = Date.UTC(2030, 0, 1)
export const groups: readonly Group[] = groupPromises(knownGroups.groups, 'x.')
export const email = 'x.email-workers'
export const position = 'x.position-workers'
export const reward = 'x.reward-workers'
export const sha = (text: string) => createHash('sha256').update(text).digest('hex')

/** A uuid for tests: a letter of the kind and a number. */
export const id = (kind: 'a' | 'b' | 'c' | 'd' | 'e' | 'f', number: number) =>
  `${kind.repeat(8)}-0000-4000-8000-${String(number).padStart(12, '0')}`
export const campaign = id('c', 1)
export const person = (number: number) => id('a', number)
export const address = (number: number) => `person-${number}@example.org`
/** Rewards: 1 by webhook, 2 by mail; grants have the number of their reward. */
export const grant = (number: number) => id('d', number)
export const code = 'CODE-1'

export const run: Run = {
  is: 'run',
  at: T,
  scenario: 'everything holds',
  seed: null,
  commit: null,
  topic: 'domain-events',
  groups,
  ambiguous: 'retry',
  graceMs: 5_000,
  positionMailMaxWaitMs: 10_000,
  recoveryMs: 60_000,
  memoryLimitMb: 400,
  markers: ['@example.org', 'secret-token'],
  drains: true,
}

export const setting: EntryOf<'seed-data'> = {
  is: 'seed-data',
  campaigns: [{ id: campaign, accountId: id('f', 1), points: 2 }],
  rewards: [
    { id: id('b', 1), campaignId: campaign, method: 'webhook', hasEndpoint: true, hasCode: true },
    { id: id('b', 2), campaignId: campaign, method: 'email', hasEndpoint: false, hasCode: false },
  ],
}

const change = (at: number, what: Change['change']): Change => ({ is: 'change', from: T + at - 1, at: T + at, change: what })
export const changes: readonly Change[] = [
  ...[1, 2, 3, 4, 5].map((number) =>
    change(number, {
      is: 'join',
      userId: person(number),
      campaignId: campaign,
      email: address(number),
      originalPosition: number,
      createdAt: T - 1_000 + number,
      consent: number <= 3,
      verifiedAt: null,
    }),
  ),
  ...[1, 2, 4].map((number) => change(10 + number, { is: 'verify', userId: person(number), verifiedAt: T + 10 + number })),
  change(20, { is: 'confirm', referralId: id('e', 1), referrerId: person(4), referredId: person(1) }),
  change(21, { is: 'grant', userRewardId: grant(1), userId: person(1), rewardId: id('b', 1) }),
  change(22, { is: 'grant', userRewardId: grant(2), userId: person(2), rewardId: id('b', 2) }),
  change(23, { is: 'leave', userId: person(5) }),
]

/** Event ids by offset: each is `id('f', 100 + offset)`, but for the repeat at 7 (of 0) and the conflict at 8 (with 0). */
export const eventId = (offset: number) => id('f', 100 + (offset === 7 || offset === 8 ? 0 : offset))

const inCampaign = { campaign_id: campaign }
const referral = { ...inCampaign, referral_id: id('e', 1), referrer_id: person(4), referred_id: person(1) }
export const events: readonly (readonly [string, object] | null)[] = [
  ['user.signed_up', { ...inCampaign, user_id: person(1), email: address(1) }],
  ['user.verified', { ...inCampaign, user_id: person(1), email: address(1) }],
  ['referral.created', referral],
  ['referral.verified', { ...referral, points_per_referral: 2 }],
  ['reward.earned', { ...inCampaign, user_reward_id: grant(1), user_id: person(1), reward_id: id('b', 1) }],
  ['reward.earned', { ...inCampaign, user_reward_id: grant(2), user_id: person(2), reward_id: id('b', 2) }],
  ['campaign.milestone_reached', { ...inCampaign, milestone: 'launch', participant_count: 4 }],
  ['user.signed_up', { ...inCampaign, user_id: person(1), email: address(1) }],
  ['user.signed_up', { ...inCampaign, user_id: person(2), email: address(2) }],
  null,
  ['user.signed_up', { ...inCampaign, user_id: person(5), email: address(5) }],
]
export const endOfLog = events.length

export function valueOf(offset: number): string {
  const [type, data] = events[offset] ?? []
  if (type === undefined) return 'no event'
  return JSON.stringify({
    id: eventId(offset),
    type,
    account_id: id('f', 1),
    campaign_id: campaign,
    data,
    timestamp: new Date(T + 90).toISOString(),
  })
}

const letter = (group: string, offset: number): Entry => ({
  is: 'record',
  topic: `domain-events.${group}.dlq`,
  partition: 0,
  offset,
  timestamp: T + 400,
  headers: { 'dlq-consumer-group': group, 'dlq-original-partition': '0', 'dlq-original-offset': String(offset), 'dlq-reason': 'not JSON' },
  value: Buffer.from(valueOf(offset)).toString('base64'),
})

export const CONFLICT = 8
export const BAD_RECORD = 9

/** Every group gives up the record that nobody can read; one that handles the event in conflict gives it up, too. */
export function lettersOf(group: Group): Entry[] {
  return [CONFLICT, BAD_RECORD].filter((offset) => isRead(group, offset)).map((offset) => letter(group.id, offset))
}

export function isRead(group: Group, offset: number): boolean {
  const event = events[offset]
  return event === null || event === undefined || handles(group, event[0])
}

export function log(): Entry[] {
  const records = events.flatMap((event, offset): Entry[] => [
    { is: 'acked', at: T + 101 + offset, eventId: event === null ? null : eventId(offset), valueSha256: sha(valueOf(offset)) },
    {
      is: 'record',
      partition: 0,
      offset,
      timestamp: T + 100 + offset,
      headers: event === null ? {} : { 'event-type': event[0] },
      value: Buffer.from(valueOf(offset)).toString('base64'),
    },
  ])
  return [...records, ...groups.flatMap(lettersOf)]
}
