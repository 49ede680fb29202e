import { describe, expect, it } from 'vitest'
import { createEmailConsumer } from '../../../../src/consumers/email/email-consumer.ts'
import { everythingGoes } from '../../../../src/consumers/mail-rules.ts'
import { campaignId, sampleEvent, uuid } from '../../../support/sample-event.ts'

const consumer = createEmailConsumer({
  referralLinkTemplate: null,
  missingRowWaitMs: 1,
  positionMailMaxWaitMs: 1,
  rules: { ...everythingGoes, maxEventAgeMs: 7_000 },
})

describe('the email consumer', () => {
  it.each([
    ['user.signed_up', 'welcome', uuid('a', 7), {}],
    ['user.verified', 'verification', uuid('a', 7), {}],
    ['referral.verified', 'position_update', uuid('a', 1), { referral_id: uuid('b', 7) }],
    ['reward.earned', 'reward_earned', uuid('a', 7), { user_reward_id: uuid('d', 7) }],
  ] as const)('writes for %s one %s mail, under a key of event, type and person', (type, mail, userId, data) => {
    const event = sampleEvent(type, 7)
    expect(consumer.accept(event)).toEqual([
      {
        kind: 'mail',
        version: 1,
        channel: 'email',
        key: `mail:${event.id}:${mail}:${userId}`,
        campaignId,
        userId,
        maxEventAgeMs: 7_000,
        data: { ...data, type: mail },
      },
    ])
  })

  it('writes for a milestone one broadcast, behind live mails', () => {
    const event = sampleEvent('campaign.milestone_reached', 100)
    expect(consumer.accept(event)).toEqual([
      {
        kind: 'milestone-broadcast',
        version: 1,
        channel: 'broadcast',
        key: `broadcast:${event.id}`,
        campaignId,
        class: 'broadcast',
        data: { milestone: '100_participants', participant_count: 100 },
      },
    ])
  })

  it('puts no address into an intent, and has nothing to say about a created referral', () => {
    expect(JSON.stringify(consumer.accept(sampleEvent('user.signed_up')))).not.toContain('example.com')
    expect(consumer.accept(sampleEvent('referral.created'))).toEqual([])
    expect(consumer.types).toEqual(['user.*', 'referral.verified', 'reward.earned', 'campaign.*'])
  })

  it('knows the kinds that it writes', () => {
    expect(consumer.kinds.map(({ kind, version, channel }) => `${channel}/${kind}/${version}`)).toEqual([
      'email/mail/1',
      'broadcast/milestone-broadcast/1',
    ])
  })
})
