import { defineEvent } from '../define-event.ts'
import { waitlist } from '../owners.ts'
import { address, object, uuid } from '../schema.ts'

export const userVerified = defineEvent({
  type: 'user.verified',
  version: 1,
  summary: 'A person confirmed their email address.',
  owner: waitlist,
  since: '1.0.0',
  retention: 'domain',
  key: 'campaign_id',
  data: object({ user_id: uuid, campaign_id: uuid, email: address }),
  identity: ['user_id'],
  personal: ['email'],
  examples: [
    {
      id: '0d9f3a52-5f4e-5c0e-9d6b-3a4b5c6d7e02',
      accountId: 'a1000000-0000-4000-8000-000000000001',
      timestamp: '2026-03-01T09:41:12.250Z',
      data: {
        user_id: 'b1000000-0000-4000-8000-000000000001',
        campaign_id: 'c1000000-0000-4000-8000-000000000001',
        email: 'ada@example.com',
      },
    },
  ],
})
