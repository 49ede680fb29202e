import { defineEvent } from '../define-event.ts'
import { waitlist } from '../owners.ts'
import { object, uuid } from '../schema.ts'

export const campaignMilestoneReached = defineEvent({
  type: 'campaign.milestone_reached',
  version: 1,
  summary: 'A campaign reached a milestone.',
  owner: waitlist,
  since: '1.0.0',
  retention: 'domain',
  key: 'campaign_id',
  data: object({
    campaign_id: uuid,
    milestone: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      description: 'Unique within the campaign, such as `1000_participants`.',
    },
    participant_count: { type: 'integer', minimum: 0, description: 'Participants when the milestone was reached.' },
  }),
  identity: ['campaign_id', 'milestone'],
  personal: [],
  examples: [
    {
      id: '0d9f3a52-5f4e-5c0e-9d6b-3a4b5c6d7e06',
      accountId: 'a1000000-0000-4000-8000-000000000001',
      timestamp: '2026-04-10T07:00:00.000Z',
      data: {
        campaign_id: 'c1000000-0000-4000-8000-000000000001',
        milestone: '1000_participants',
        participant_count: 1_000,
      },
    },
  ],
})
