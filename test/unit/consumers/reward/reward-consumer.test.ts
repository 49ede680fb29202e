import { describe, expect, it } from 'vitest'
import { everythingGoes } from '../../../../src/consumers/mail-rules.ts'
import { createRewardConsumer } from '../../../../src/consumers/reward/reward-consumer.ts'
import { randomCode } from '../../../../src/consumers/reward/reward-code.ts'
import type { AnyEvent } from '../../../../src/events/event.ts'

const consumer = createRewardConsumer({ missingRowWaitMs: 1, referralLinkTemplate: null, rules: everythingGoes })
const campaign = '00000000-0000-4000-8000-0000000000c1'
const reward = '00000000-0000-4000-8000-0000000000b1'
const user = '00000000-0000-4000-8000-0000000000a1'
const envelope = { account_id: '00000000-0000-4000-8000-000000000001', campaign_id: campaign, timestamp: '2030-01-01T00:00:00Z' }

const earned = (id: string): AnyEvent => ({
  ...envelope,
  id,
  type: 'reward.earned',
  data: { user_reward_id: reward, user_id: user, campaign_id: campaign, reward_id: '00000000-0000-4000-8000-0000000000d1' },
})

describe('the reward consumer', () => {
  it('writes one intent per reward, under a key that no other event about the same reward can differ in', () => {
    const drafts = consumer.accept(earned('00000000-0000-4000-8000-0000000000e1'))
    expect(drafts).toEqual([
      {
        kind: 'reward',
        version: 1,
        channel: 'webhook',
        key: `reward:${reward}`,
        campaignId: campaign,
        userId: user,
        data: { user_reward_id: reward },
      },
    ])
    expect(consumer.accept(earned('00000000-0000-4000-8000-0000000000e2'))).toEqual(drafts)
  })

  it('does nothing about other events', () => {
    const data = { user_id: user, campaign_id: campaign, email: 'a@example.org' }
    expect(consumer.accept({ ...envelope, id: '00000000-0000-4000-8000-0000000000e3', type: 'user.signed_up', data })).toEqual([])
    expect(consumer.types).toEqual(['reward.earned'])
  })

  it('knows its kind on both channels', () => {
    expect(consumer.kinds.map(({ kind, version, channel }) => `${kind} ${version} ${channel}`).sort()).toEqual([
      'reward 1 email',
      'reward 1 webhook',
    ])
  })
})

describe('a random code', () => {
  it('is ten characters that nobody mistakes for one another, all of them in use, none twice in ten thousand', () => {
    const codes = Array.from({ length: 10_000 }, randomCode)
    expect(codes.every((code) => /^[2-9A-HJKMNP-Z]{10}$/.test(code))).toBe(true)
    expect(new Set(codes).size).toBe(codes.length)
    expect(new Set(codes.join('')).size).toBe(31)
  })
})
