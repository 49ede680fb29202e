import { defineEvent } from '../define-event.ts'
import { rewards } from '../owners.ts'
import { object, uuid } from '../schema.ts'

export const rewardEarned = defineEvent({
  type: 'reward.earned',
  version: 1,
  summary: 'A person earned a reward.',
  owner: rewards,
  since: '1.0.0',
  retention: 'domain',
  key: 'campaign_id',
  data: object({
    user_reward_id: { ...uuid, description: '`user_rewards.id`: the individual grant, not the kind of reward.' },
    user_id: uuid,
    campaign_id: uuid,
    reward_id: { ...uuid, description: '`rewards.id`: the kind of reward.' },
  }),
  identity: ['user_reward_id'],
  personal: [],
  examples: [
    {
      id: '0d9f3a52-5f4e-5c0e-9d6b-3a4b5c6d7e05',
      accountId: 'a1000000-0000-4000-8000-000000000001',
      timestamp: '2026-03-02T18:20:31.000Z',
      data: {
        user_reward_id: 'd1000000-0000-4000-8000-000000000001',
        user_id: 'b1000000-0000-4000-8000-000000000001',
        campaign_id: 'c1000000-0000-4000-8000-000000000001',
        reward_id: 'd2000000-0000-4000-8000-000000000001',
      },
    },
  ],
})
