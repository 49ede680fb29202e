import { describe, expect, it } from 'vitest'
import { expectedOf } from '../../../cmd/demo/reference-model.ts'
import type { SeedData } from '../../../cmd/demo/seed-data.ts'
import type { Person, Publication, Step, Write } from '../../../cmd/demo/step.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'

const about = { accountId: 'account', campaignId: 'campaign' }
const campaign = { id: 'campaign', accountId: 'account', name: 'c', slug: 'c', fromEmail: null, color: null, domain: null, share: 1 }
const reward = { campaignId: 'campaign', name: 'r', description: 'd', type: 'custom', codeTemplate: null, value: '1' }

const seedData = (points: number | null): SeedData => ({
  accounts: [],
  campaigns: [{ ...campaign, points }],
  templates: [],
  rewards: [
    { ...reward, id: 'mailed', method: 'email', path: null },
    { ...reward, id: 'posted', method: 'webhook', path: '/here' },
    { ...reward, id: 'lost', method: 'webhook', path: '/nowhere' },
    { ...reward, id: 'handed', method: 'manual', path: null },
  ],
  endpoints: [{ id: 'e', accountId: 'account', campaignId: null, path: '/here', decoy: false }],
})

const join = (id: string, originalPosition: number, more: Partial<Person> = {}): Write => ({
  is: 'join',
  person: {
    id,
    campaignId: 'campaign',
    email: `${id}@example.com`,
    firstName: id,
    lastName: '',
    originalPosition,
    joinedAt: originalPosition,
    referralCode: id,
    referredById: null,
    consent: true,
    ...more,
  },
})
const groups = [
  { name: 'mails', types: ['user.*', 'reward.earned'], countsEvents: false },
  { name: 'ranks', types: ['referral.verified'], countsEvents: false },
  { name: 'rewards', types: ['reward.earned'], countsEvents: false },
]

const published = (event: TypedInput): Publication => ({ is: 'event', event })
const verify = (personId: string): Write => ({ is: 'verify', personId })
const signedUp = (userId: string) => published({ type: 'user.signed_up', ...about, userId, email: 'stale@example.com' })
const step = (writes: readonly Write[], ...publications: readonly Publication[]): Step => ({ writes, publications, timing: 'usual' })
const expected = (steps: readonly Step[], points: number | null = 10) => expectedOf(seedData(points), steps, groups, () => '2026-03-01')
const mailsOf = (steps: readonly Step[]) => Object.fromEntries(expected(steps).mails)

const referral = { id: 'r1', campaignId: 'campaign', referrerId: 'p1', referredId: 'p2' }
const { id: referralId, referrerId, referredId } = referral
const referralVerified = published({ type: 'referral.verified', ...about, referralId, referrerId, referredId, pointsPerReferral: 999 })

describe('the reference model', () => {
  it('expects one mail per fact, to the address of the row, however often the event is published', () => {
    expect(mailsOf([step([join('p1', 1)], signedUp('p1'), signedUp('p1'))])).toEqual({ 'welcome p1@example.com': 1 })
  })

  it('expects no mail for people who left', () => {
    for (const how of ['blocked', 'removed', 'deleted'] as const) {
      expect(mailsOf([step([join('p1', 1), { is: 'leave', personId: 'p1', how }], signedUp('p1'))])).toEqual({})
    }
  })

  it('expects a position mail to the referrer and nothing for the creation', () => {
    const created = published({ type: 'referral.created', ...about, referralId, referrerId, referredId })
    const verified = published({ type: 'user.verified', ...about, userId: 'p2', email: 'p2@example.com' })
    const steps = [
      step([join('p1', 1), join('p2', 2), { is: 'refer', referral }], created),
      step([verify('p2'), { is: 'confirm', referral }], verified, referralVerified),
    ]
    expect(mailsOf(steps)).toEqual({ 'verification p2@example.com': 1, 'position_update p1@example.com': 1 })
  })

  it('expects a milestone mail for people with consent who had verified by then', () => {
    const milestone = published({ type: 'campaign.milestone_reached', ...about, milestone: '3_participants', participantCount: 3 })
    expect(
      mailsOf([
        step([join('p1', 1), join('p2', 2), join('p3', 3, { consent: false }), verify('p1'), verify('p3')]),
        step([], milestone),
        step([verify('p2')], milestone),
      ]),
    ).toEqual({ 'milestone p1@example.com': 1 })
  })

  it('expects rewards by delivery method', () => {
    const grant = (rewardId: string): Step =>
      step(
        [{ is: 'grant', grant: { id: `grant-${rewardId}`, campaignId: 'campaign', personId: 'p1', rewardId } }],
        published({ type: 'reward.earned', ...about, userRewardId: `grant-${rewardId}`, userId: 'p1', rewardId }),
      )
    const { mails, rewards } = expected([step([join('p1', 1)]), ...['mailed', 'posted', 'lost', 'handed'].map(grant)])
    expect(Object.fromEntries(mails)).toEqual({ 'reward_earned p1@example.com': 4, 'reward_delivery p1@example.com': 1 })
    expect(rewards.byMail).toEqual(new Set(['grant-mailed']))
    expect(rewards.byWebhook).toEqual(new Set(['grant-posted']))
    expect(rewards.untouched).toEqual(new Set(['grant-lost', 'grant-handed']))
  })

  it('ranks by score, time of joining and id, without people who left', () => {
    const steps = [
      step([join('p1', 1), join('p2', 2), join('p3', 3), join('p4', 4), { is: 'leave', personId: 'p2', how: 'removed' }]),
      step([{ is: 'confirm', referral: { ...referral, referrerId: 'p3' } }], referralVerified),
      step([{ is: 'confirm', referral: { ...referral, referrerId: 'p2' } }]),
    ]
    expect(Object.fromEntries(expected(steps, 10).positions)).toEqual({ p3: 1, p1: 2, p4: 3 })
    // Without a setting a referral is worth one: p3 has 2, behind p1's 1.
    expect(Object.fromEntries(expected(steps, null).positions)).toEqual({ p1: 1, p3: 2, p4: 3 })
    // A tie of scores.
    expect(Object.fromEntries(expected(steps, 2).positions)).toEqual({ p1: 1, p3: 2, p4: 3 })
    // A tie of scores goes to who came first, whatever the ids; a tie of both to the lower id.
    const late = [step([join('b', 5, { joinedAt: 1 }), join('a', 5, { joinedAt: 2 })])]
    expect(Object.fromEntries(expected(late).positions)).toEqual({ b: 1, a: 2 })
    const twins = [step([join('b', 5, { joinedAt: 1 }), join('a', 5, { joinedAt: 1 })])]
    expect(Object.fromEntries(expected(twins).positions)).toEqual({ a: 1, b: 2 })
  })

  it('expects a dead letter from each group that handles the type of a bad record', () => {
    const bad = (kind: 'not-json' | 'invalid-data' | 'foreign-type'): Publication => ({
      is: 'bad',
      record: { kind, ...about, eventId: 'e', personId: 'p' },
    })
    const conflict: Publication = { is: 'conflict', event: { type: 'user.signed_up', ...about, userId: 'x', email: 'x@example.com' } }
    const { deadLetters, events } = expected([step([], bad('not-json'), bad('invalid-data'), bad('foreign-type'), conflict)])
    expect(Object.fromEntries(deadLetters)).toEqual({ mails: 3, ranks: 1, rewards: 2 })
    expect(events).toBe(4)
  })

  it('counts each fact once per day of its first publication, and neither bad records nor contradictions, where a group counts events', () => {
    const first = step([join('p1', 1), join('p2', 2)], signedUp('p1'))
    const conflict: Publication = { is: 'conflict', event: { type: 'user.signed_up', ...about, userId: 'x', email: 'x@example.com' } }
    const bad: Publication = { is: 'bad', record: { kind: 'invalid-data', ...about, eventId: 'e', personId: 'p' } }
    const steps = [first, step([], signedUp('p1'), signedUp('p2'), referralVerified, conflict, bad)]
    const dayOf = (of: Step) => (of === first ? '2026-03-01' : '2026-03-02')
    const counted = (countsEvents: boolean) =>
      expectedOf(seedData(10), steps, [...groups, { name: 'counts', types: ['user.*'], countsEvents }], dayOf).eventCounts
    expect(Object.fromEntries(counted(true))).toEqual({
      '2026-03-01 user.signed_up campaign': 1,
      '2026-03-02 user.signed_up campaign': 1,
      '2026-03-02 referral.verified campaign': 1,
    })
    expect(counted(false).size).toBe(0)
  })
})
