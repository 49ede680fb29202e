import type { TypedInput } from '../../src/events/publisher-input.ts'
import type { Platform } from './platform.ts'
import type { Fixture } from './fixture.ts'

/** A campaign whose rewards are delivered to `endpoint`, or by mail, with an earned reward for each of `count` people, not published yet. */
export async function rewardTenant(
  fixture: Fixture,
  platform: Platform,
  count: number,
  endpoint: { readonly url: string; readonly secret: string } | 'mail',
): Promise<{ readonly campaignId: string; readonly endpointId: string | null; readonly events: readonly TypedInput[] }> {
  const campaign = await platform.campaign()
  const byMail = endpoint === 'mail'
  const endpointId = byMail ? null : await platform.webhook(campaign, endpoint.url, endpoint.secret)
  const rewardId = await platform.reward(campaign, byMail ? { method: 'email' } : { method: 'webhook', webhookUrl: endpoint.url })
  const people = await platform.crowd(campaign, count)
  const earned = await fixture.sql.query<{ id: string; user_id: string }>(
    `INSERT INTO user_rewards (user_id, reward_id, campaign_id, status, earned_at)
     SELECT user_id, $2, $3, 'earned', now() FROM unnest($1::uuid[]) AS user_id RETURNING id, user_id`,
    [people.map(({ userId }) => userId), rewardId, campaign.campaignId],
  )
  const events = earned.map(({ id, user_id }) => ({
    type: 'reward.earned' as const,
    ...campaign,
    userRewardId: id,
    rewardId,
    userId: user_id,
  }))
  return { campaignId: campaign.campaignId, endpointId, events }
}
