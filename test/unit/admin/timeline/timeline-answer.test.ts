import { describe, expect, it } from 'vitest'
import { deadLetterSentences } from '../../../../src/admin/timeline/dead-letter-sentences.ts'
import { isUnknown, timelineAnswer } from '../../../../src/admin/timeline/timeline-answer.ts'
import type { DeadLetterFact, ExpectedEvent, OutcomeFact, RewardFact } from '../../../../src/admin/timeline/timeline-facts.ts'
import { deadLetterReasons } from '../../../../src/model/dead-letter-reason.ts'
import { before, intentFact, pauseFact, settings, timelineFacts, USER } from '../../../support/timeline-facts.ts'

const EVENT = '550e8400-e29b-41d4-a716-446655440000'
const outcome = (change: Partial<OutcomeFact> = {}): OutcomeFact => ({
  group: 'stage.email-workers',
  eventId: EVENT,
  type: 'user.signed_up',
  contentHash: 'aa',
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
  state: 'open',
  topic: 'domain-events',
  partition: 2,
  offset: '9',
  at: before(10),
  ...change,
})
const expected: ExpectedEvent = { isForeign: false, type: 'user.signed_up', eventId: EVENT, contentHash: 'aa', at: before(60) }
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
const ofEvent = { subject: { of: 'event', id: EVENT }, person: null } as const
const ofReward = { subject: { of: 'reward', id: reward.id } } as const
const answer = (change: Parameters<typeof timelineFacts>[0]) => timelineAnswer(timelineFacts(change), settings)
const decided = (state: DeadLetterFact['state']) => answer({ expected: [expected], deadLetters: [letter({ state })] })

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
      'No welcome mail: the event user.signed_up of 1 h ago has not arrived in stage.email-workers; workerctl offsets show says whether the group has read everything, workerctl dlq list --group stage.email-workers whether it is a dead letter under another id, and workerctl reconcile --publish publishes what was never published.',
    )
    expect(answer({ expected: [{ ...expected, isForeign: true }] })).toMatch(
      /has not arrived in stage\.email-workers; .*, and its publisher, which chooses the ids of such events, publishes what was never published\.$/,
    )
    expect(answer({ expected: [{ ...expected, type: 'reward.earned' }], outcomes: [outcome()] })).toMatch(
      /^No reward: the event reward\.earned of 1 h ago has not arrived in stage\.reward-workers/,
    )
  })

  it.each(deadLetterReasons)('says that the event is a dead letter for the reason %s', (reason) => {
    expect(answer({ expected: [expected], deadLetters: [letter({ reason })] })).toBe(
      `No welcome mail: the event user.signed_up is a dead letter of stage.email-workers at partition 2, offset 9, because ${deadLetterSentences[reason]}; ` +
        `workerctl dlq list --group stage.email-workers --reason ${reason} shows it, and docs/guide/dead-letters.md what to do.`,
    )
  })

  it.each([
    ['under an id of its own, as an edited copy has', [outcome({ eventId: 'ab1d0e7a-52c7-4f0a-9a53-0a6d2f6b8c11' })], []],
    ['after a broken record with its id', [outcome()], [letter()]],
    ['under another id than its broken record', [outcome({ eventId: 'ab1d0e7a-52c7-4f0a-9a53-0a6d2f6b8c11' })], [letter()]],
    ["before another's record with its id", [outcome()], [letter({ reason: 'id-conflict', offset: '12' })]],
    ['by a replay of its dead letter', [outcome()], [letter({ state: 'resolved' })]],
  ] as const)('misses nothing of an event that was accepted %s', (_, outcomes, deadLetters) => {
    expect(answer({ expected: [expected], outcomes, deadLetters, intents: [sent] })).toMatch(/^The welcome mail was accepted by the relay/)
    expect(answer({ expected: [expected], outcomes, deadLetters })).toMatch(/^No mail and no reward was due/)
  })

  it('is about the mail, whatever became of the event in a group that only counts', () => {
    const counting = (state: DeadLetterFact['state'] = 'open') => letter({ group: 'stage.analytics-workers', at: before(1), state })
    expect(answer({ expected: [expected], deadLetters: [counting(), letter()] })).toMatch(
      /^No welcome mail: the event user\.signed_up is a dead letter of stage\.email-workers/,
    )
    const served = { expected: [expected], outcomes: [outcome()], intents: [sent] }
    expect(answer({ ...served, deadLetters: [counting()] })).toMatch(
      /^The welcome mail was accepted .*\. Besides, the event user\.signed_up is a dead letter of stage\.analytics-workers at .*\.$/,
    )
    expect(answer({ ...served, deadLetters: [counting('discarded'), letter({ state: 'resolved' })] })).toMatch(
      /^The welcome mail was (?!.*Besides)/,
    )
    expect(answer({ deadLetters: [counting()] })).toMatch(
      /^No effect: the event user\.signed_up is a dead letter of stage\.analytics-workers/,
    )
  })

  it('misses nothing of events whose ids are not ours, once an intent or a replay is on record', () => {
    expect(answer({ outcomes: [outcome()], deadLetters: [letter({ reason: 'id-conflict' })], intents: [sent] })).toMatch(
      /^The welcome mail was/,
    )
    expect(answer({ deadLetters: [letter({ state: 'resolved' })], intents: [intentFact({ ...sent, eventId: 'other' })] })).toMatch(
      /^The welcome mail was accepted/,
    )
  })

  it('misses what became a dead letter because another fact has its id, and what another group accepted', () => {
    const conflict = { expected: [expected], outcomes: [outcome({ contentHash: 'ff' })], deadLetters: [letter({ reason: 'id-conflict' })] }
    expect(answer(conflict)).toMatch(
      /^No welcome mail: the event user\.signed_up is a dead letter .* already on record for a different fact/,
    )
    const elsewhere = { expected: [expected], outcomes: [outcome({ group: 'stage.position-workers', eventId: 'other' })] }
    expect(answer(elsewhere)).toBe(
      'No welcome mail: the event user.signed_up of 1 h ago has not arrived in stage.email-workers, while stage.position-workers has it under the id other; ' +
        'workerctl offsets show says whether the group has read everything, workerctl dlq list --group stage.email-workers whether it is a dead letter under another id.',
    )
    expect(answer({ expected: [expected], deadLetters: [letter()], outcomes: [outcome({ outcome: 'dead-letter' })] })).toMatch(
      /^No welcome mail: the event user\.signed_up is a dead letter/,
    )
  })

  it('says what was decided about a dead letter', () => {
    expect(decided('requested')).toMatch(/^No welcome mail: .* is a dead letter of .*; its replay has been requested, and a daemon/)
    expect(decided('discarded')).toMatch(
      /^No welcome mail: .* was a dead letter of .*; an operator discarded it, and workerctl dlq show stage\.email-workers\/2\/9 shows who and why\.$/,
    )
  })

  it.each([
    [pauseFact('group', 'stage.email-workers', 'stage.email-workers'), 'group stage.email-workers', 'group stage.email-workers'],
    [pauseFact('partition', '3', 'stage.email-workers'), 'partition 3 of stage.email-workers', 'partition stage.email-workers 3'],
  ])('names the pause that keeps its group from reading: %j', (pause, subject, resumed) => {
    expect(answer({ expected: [expected], pauses: [pauseFact('channel', 'email'), pause] })).toBe(
      `No welcome mail yet: stage.email-workers has no record of the event user.signed_up of 1 h ago, and ${subject} is paused by ops (relay move) until it is resumed; ` +
        `workerctl resume ${resumed} --owner NAME ends the pause; if it has none afterwards, workerctl reconcile --publish publishes what was never published.`,
    )
    const elsewhere = { ...pause, group: 'stage.reward-workers', target: pause.scope === 'group' ? 'stage.reward-workers' : pause.target }
    expect(answer({ expected: [expected], pauses: [elsewhere] })).toMatch(/^No welcome mail: .* has not arrived in stage\.email-workers/)
  })

  it('names the mail that the platform has of a person whose intents are gone', () => {
    const mail = { id: 'm', intentId: null, type: 'welcome', status: 'sent', recipient: '', messageId: null, error: null, at: before(180) }
    expect(answer({ mails: [mail] })).toBe(
      'The newest mail in email_logs is a welcome mail, sent 3 h ago; no intent of it is on record: it was deleted after its retention, erased (workerctl forget), or the mail is not of this worker.',
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
    [{}, /^The event 550e8400-.* has not arrived: no group has a record of it\./],
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
      { outcomes: [outcome()], deadLetters: [letter({ reason: 'id-conflict', offset: '12' })], intents: [sent] },
      /^The welcome mail was accepted by the relay .*\. Another record with its id is a dead letter of stage\.email-workers at partition 2, offset 12, because/,
    ],
    [
      { outcomes: [outcome({ group: 'stage.position-workers' })] },
      /^No welcome mail yet: stage\.email-workers has not read the event user\.signed_up; workerctl offsets show says whether the group runs/,
    ],
    [
      {
        outcomes: [outcome({ group: 'stage.position-workers' })],
        pauses: [pauseFact('group', 'stage.email-workers', 'stage.email-workers')],
      },
      /^No welcome mail yet: stage\.email-workers has not read the event user\.signed_up; group stage\.email-workers is paused by ops/,
    ],
    [
      { outcomes: [outcome()], pauses: [pauseFact('group', 'stage.position-workers', 'stage.position-workers')] },
      /^The event has not had its effect in stage\.position-workers yet: .* has not read the event user\.signed_up; group stage\.position-workers is paused/,
    ],
    [
      { deadLetters: [letter({ group: 'stage.analytics-workers' }), letter({ state: 'resolved' })] },
      /^The event user\.signed_up was a dead letter of stage\.email-workers .*; a replay has accepted it since\. Besides, .* stage\.analytics-workers/,
    ],
    [
      { outcomes: [outcome({ outcome: 'no-effect' })], deadLetters: [letter({ group: 'stage.analytics-workers' })] },
      /^Nothing of the event is left to do: .*\. Besides, the event user\.signed_up is a dead letter of stage\.analytics-workers/,
    ],
    [
      { deadLetters: [letter({ group: 'stage.analytics-workers', state: 'discarded' })] },
      /^No effect: the event user\.signed_up was a dead letter of stage\.analytics-workers .*; an operator discarded it/,
    ],
    [
      { deadLetters: [letter({ group: 'stage.analytics-workers', at: before(1) }), letter()] },
      /^No effect: the event user\.signed_up is a dead letter of stage\.email-workers/,
    ],
    [
      {
        outcomes: [outcome()],
        intents: [sent],
        deadLetters: [letter({ reason: 'id-conflict' }), letter({ reason: 'id-conflict', offset: '12' })],
      },
      /^The welcome mail was accepted by (?!.*offset 12)/,
    ],
    [{ outcomes: [outcome()] }, /^Nothing of the event is left to do: it was read by stage\.email-workers/],
    [
      { pauses: [pauseFact('group', 'stage.email-workers', 'stage.email-workers')] },
      /^The event .* has not arrived: .* Group stage\.email-workers is paused by ops \(relay move\) until it is resumed; workerctl resume/,
    ],
    [{ person: timelineFacts().person }, /^550e8400-.* is the id of a person, not of an event: workerctl timeline --user 550e8400-/],
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
      {
        rewards: [{ ...reward, status: 'revoked' }],
        intents: [
          intentFact({ kind: 'reward', type: null, userRewardId: reward.id, reason: 'connection-refused', attempt: 2, dueAt: before(-59) }),
        ],
      },
      /^No reward: the reward was revoked; /,
    ],
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
  const count = {
    group: 'stage.email-workers',
    channel: 'email',
    pause: null,
    kind: 'mail',
    state: 'sent',
    reason: null,
    count: 40,
  } as const
  const dead = { ...count, kind: 'reward', state: 'dead', reason: 'no-endpoint', count: 2 } as const
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
    [
      { campaign, counts: [waiting, count, dead], pauses: [pauseFact('campaign', campaign.campaignId)] },
      /^0 of its intents wait: campaign 0c9e6c1f-\S+ is paused by ops \(relay move\) until it is resumed; workerctl resume campaign 0c9e6c1f-\S+ --owner NAME ends the pause; besides, 2 rewards are dead/,
    ],
    [
      { campaign, counts: [{ ...waiting, reason: 'paused', pause: 'pause 12' }], pauses: [pauseFact('campaign', campaign.campaignId)] },
      /^9 of its intents wait: campaign /,
    ],
    [
      { campaign, counts: [{ ...waiting, reason: null }, dead], pauses: [pauseFact('channel', 'email', 'stage.email-workers')] },
      /^9 of its intents wait: the email channel of stage\.email-workers is paused by ops/,
    ],
    [
      { campaign, counts: [count], pauses: [pauseFact('group', 'stage.email-workers', 'stage.email-workers')] },
      /^0 of its intents wait, and its events wait unread in the log: group stage\.email-workers is paused by ops/,
    ],
    [
      { campaign, counts: [count], outcomes: [outcome()], pauses: [pauseFact('partition', '2', 'stage.email-workers')] },
      /^0 of its intents wait, and its events wait unread in the log: partition 2 of stage\.email-workers is paused by ops/,
    ],
    [
      { campaign, counts: [count], outcomes: [outcome()], pauses: [pauseFact('partition', '3', 'stage.email-workers')] },
      /^Nothing of the campaign/,
    ],
    [
      { campaign, counts: [count], pauses: [pauseFact('channel', 'email'), pauseFact('campaign', 'other')] },
      /^Nothing of the campaign failed/,
    ],
    [{ campaign, counts: [count], deadLetters: [letter({ state: 'resolved' })] }, /^Nothing of the campaign failed/],
    [{ campaign, counts: [waiting, count] }, /^9 mails are pending: the rate limit for the recipient's domain/],
    [{ campaign, counts: [count], deadLetters: [letter()] }, /^1 of its events became dead letters, the latest 10 min ago/],
    [{ campaign, counts: [count] }, /^Nothing of the campaign failed: 40 sent or delivered, 0 pending\.$/],
  ])('covers %j', (change, sentence) => {
    expect(answer({ subject: { of: 'campaign', id: campaign.campaignId }, ...change })).toMatch(sentence)
  })
})

it('an id that nothing has is unknown, whatever is paused', () => {
  const nothing = timelineFacts({ person: null, pauses: [pauseFact('channel', 'email')] })
  expect(isUnknown(nothing)).toBe(true)
  expect(isUnknown({ ...nothing, intents: [sent] })).toBe(false)
})
