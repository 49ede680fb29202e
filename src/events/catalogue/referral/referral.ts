import { uuid } from '../schema.ts'

/** What every event about a referral says of it. */
export const referral = {
  referral_id: uuid,
  referrer_id: { ...uuid, description: 'The person who invited.' },
  referred_id: { ...uuid, description: 'The person who joined.' },
  campaign_id: uuid,
} as const
