import { describe, expect, it } from 'vitest'
import { deadLetterSentences } from '../../../../src/admin/timeline/dead-letter-sentences.ts'
import { timelineAnswer } from '../../../../src/admin/timeline/timeline-answer.ts'
import type { DeadLetterFact, ExpectedEvent, OutcomeFact, RewardFact } from '../../../../src/admin/timeline/timeline-facts.ts'
import { deadLetterReasons } from '../../../../src/model/dead-letter-reason.ts'
import { before, intentFact, settings, timelineFacts, USER } from '../../../support/timeline-facts.ts'

const EVENT = '550e8400-e29b-41d4-a716-446655440000'
const outcome = (change: Partial<OutcomeFact> = {}): OutcomeFact => ({
  group: 'stage.email-workers',
  eventId: EVENT,
  type: 'user.signed_up',
  outcome: 'accepted',
  partition: 2,
  offset: '9',
  at: before(10),
  ...change,
})
const letter = (change: Partial<DeadLetterFact> = {}): DeadLetterFact => ({
  group: 'stage.email-workers',
  eventId: EVENT,
  type: 'user.signed_up',
  reason: 'invalid-data',
  topic: 'domain-events',
  partition: 2,
  offset: '9',
  at: before(10),
  ...change,
})
const expected: ExpectedEvent = { type: 'user.signed_up', eventId: EVENT, at: before(60) }
const reward: RewardFact = {
  id: '3f1c2a90-6f0e-4f5b-8a37-52a4f4d0c7b1',
  status: 'earned',
  userId: USER,
  deliveryMethod: 'webhook',
  attempts: 0,
  error: null,
  deliveredAt: null,
  expiresAt: null,
  earnedAt: before(60),
  createdAt: before(60),
}
const sent = intentFact({ state: 'sent', finishedAt: before(4), messageId: '<a@example.com>' })
const ofEvent = { subject: { of: 'event', id: EVENT } } as const
const ofReward = { subject: { of: 'reward', id: reward.id } } as const
const answer = (change: Parameters<typeof timelineFacts>[0]) => timelineAnswer(timelineFacts(change), settings)

describe('the first line about a person', () => {
  it('is the newest thing that is amiss, not the newest at all', () => {
    const intents = [
      sent,
      intentFact({ state: 'skipped', reason: 'stale', finishedAt: before(8) }),
      intentFact({ state: 'dead', reason: 'timeout', finishedAt: before(9) }),
    ]
    expect(answer({ intents })).toMatch(/^No welcome mail: the event was older than MAIL_MAX_EVENT_AGE_SECONDS/)
  })

  it('is the newest mail when nothing is amiss', () => {
    expect(answer({ intents: [sent], expected: [expected], outcomes: [outcome()] })).toMatch(
      /^The welcome mail was accepted by the relay 4 min ago as <a@example\.com>/,
    )
  })

  it('says that the event never arrived when its row exists and no group has an outcome', () => {
    expect(answer({ expected: [expected] })).toBe(
      'No welcome mail: the event user.signed_up of 1 h ago never arrived in stage.email-workers; workerctl offsets show says whether the group has read everything, and workerctl reconcile --publish publishes what was never published.',
    )
    expect(answer({ expected: [{ ...expected, type: 'reward.earned' }], outcomes: [outcome()] })).toMatch(
      /^No reward: the event reward\.earned of 1 h ago never arrived in stage\.reward-workers/,
    )
  })

  it.each(deadLetterReasons)('says that the event is a dead letter for the reason %s', (reason) => {
    expect(answer({ expected: [expected], deadLetters: [letter({ reason })] })).toBe(
      `No welcome mail: the event user.signed_up is a dead letter of stage.email-workers at partition 2, offset 9, because ${deadLetterSentences[reason]}; ` +
        `workerctl dlq list --group stage.email-workers --reason ${reason} shows it, and docs/guide/dead-letters.md what to do.`,
    )
  })

  it('says that nothing was due, with the suppression and the missing consent', () => {
    expect(answer({})).toBe(
      'No mail and no reward was due in the last DEDUPE_DAYS=30: no event about the person is on record, whose status is verified.',
    )
    const { person } = timelineFacts()
    expect(answer({ person: person && { ...person, consent: false }, suppressions: [{ reason: 'bounced', at: before(60) }] })).toMatch(
      new RegExp(
        `the address is suppressed \\(bounced, 1 h ago\\), and workerctl suppressions remove --user ${USER} lifts it; milestone mails need the consent`,
      ),
    )
    expect(answer({ person: null })).toMatch(/^Nothing is on record: no participant has the id/)
  })
})

describe('the first line about an event', () => {
  it.each([
    [{}, /^The event 550e8400-.* never arrived: no group has a record of it\./],
    [
      { outcomes: [outcome({ outcome: 'duplicate' })], intents: [sent] },
      /^Nothing new: stage\.email-workers read user\.signed_up as a duplicate, all of its effects existed already: The welcome mail was accepted by the relay/,
    ],
    [
      { outcomes: [outcome({ outcome: 'no-effect' })] },
      /^Nothing of the event is left to do: it was read by stage\.email-workers \(no-effect\)\.$/,
    ],
    [{ outcomes: [outcome()], intents: [sent] }, /^The welcome mail was accepted by the relay/],
    [
      { outcomes: [outcome({ outcome: 'dead-letter' })], deadLetters: [letter()] },
      /^No effect: the event user\.signed_up is a dead letter/,
    ],
    [
      { outcomes: [outcome()], intents: [intentFact({ state: 'skipped', reason: 'person-blocked' })] },
      /^No welcome mail: the person is blocked/,
    ],
  ])('covers %j', (change, sentence) => {
    expect(answer({ ...ofEvent, ...change })).toMatch(sentence)
  })
})

describe('the first line about a reward', () => {
  it.each([
    [{ rewards: [] }, /^No reward: there is no row .* in user_rewards/],
    [{ rewards: [{ ...reward, deliveryMethod: 'manual' }] }, /^No reward: rewards with the method manual are delivered by hand\.$/],
    [{ rewards: [reward] }, /^No reward: its row is earned, and no reward\.earned event of it arrived/],
    [
      { rewards: [reward], intents: [intentFact({ kind: 'reward', type: null, state: 'skipped', reason: 'reward-revoked' })] },
      /^No reward: the reward was revoked\.$/,
    ],
    [
      {
        rewards: [reward],
        intents: [intentFact({ kind: 'reward', type: null, state: 'delivered', channel: 'webhook', finishedAt: before(5) })],
      },
      /^The reward was delivered 5 min ago/,
    ],
  ])('covers %j', (change, sentence) => {
    expect(answer({ ...ofReward, ...change })).toMatch(sentence)
  })
})

describe('the first line about a campaign', () => {
  const campaign = {
    campaignId: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
    status: 'active',
    deleted: false,
    accountId: '7c1f0f3e-64a0-4c1f-9d0b-2d1f2a4b5c6d',
    accountStatus: 'active',
    createdAt: before(600),
    recalculatedAt: null,
  }
  const count = { kind: 'mail', state: 'sent', reason: null, count: 40 } as const
  const dead = { kind: 'reward', state: 'dead', reason: 'no-endpoint', count: 2 } as const
  const waiting = { ...count, state: 'pending', reason: 'domain-rate', count: 9 } as const

  it.each([
    [{ campaign: null }, /^There is no campaign/],
    [
      { campaign: { ...campaign, status: 'paused' }, counts: [waiting] },
      /^Nothing is sent: the campaign is paused; 9 pending, and it goes out once/,
    ],
    [{ campaign: { ...campaign, accountStatus: 'suspended' } }, /^Nothing is sent: the account is suspended; 0 pending\.$/],
    [{ campaign: { ...campaign, deleted: true } }, /^Nothing is sent: the campaign is deleted/],
    [{ campaign: { ...campaign, status: 'draft' } }, /^Nothing is sent: the campaign is a draft/],
    [
      { campaign, counts: [waiting, count, dead] },
      /^2 rewards are dead: no active endpoint .*; workerctl intents list --campaign .* --state dead --reason no-endpoint shows them\.$/,
    ],
    [{ campaign, counts: [waiting, count] }, /^9 mails are pending: the rate limit for the recipient's domain/],
    [{ campaign, counts: [count], deadLetters: [letter()] }, /^1 of its events became dead letters, the latest 10 min ago/],
    [{ campaign, counts: [count] }, /^Nothing of the campaign failed: 40 sent or delivered, 0 pending\.$/],
  ])('covers %j', (change, sentence) => {
    expect(answer({ subject: { of: 'campaign', id: campaign.campaignId }, ...change })).toMatch(sentence)
  })
})
