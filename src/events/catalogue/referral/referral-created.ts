import { defineEvent } from '../define-event.ts'
import { waitlist } from '../owners.ts'
import { object } from '../schema.ts'
import { referral } from './referral.ts'

export const referralCreated = defineEvent({
  type: 'referral.created',
  version: 1,
  summary: 'A person joined through the link of another.',
  owner: waitlist,
  since: '1.0.0',
  retention: 'domain',
  key: 'campaign_id',
  data: object(referral),
  identity: ['referral_id'],
  personal: [],
  examples: [
    {
      id: '0d9f3a52-5f4e-5c0e-9d6b-3a4b5c6d7e03',
      accountId: 'a1000000-0000-4000-8000-000000000001',
      timestamp: '2026-03-02T18:05:00.000Z',
      data: {
        referral_id: 'e1000000-0000-4000-8000-000000000001',
        referrer_id: 'b1000000-0000-4000-8000-000000000001',
        referred_id: 'b1000000-0000-4000-8000-000000000002',
        campaign_id: 'c1000000-0000-4000-8000-000000000001',
      },
    },
  ],
})
