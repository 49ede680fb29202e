import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { awaitingRow } from '../../../src/consumers/eligibility.ts'
import type { Prepared } from '../../../src/model/intent-kind.ts'
import { createWebhookChannel } from '../../../src/delivery/webhook/webhook-channel.ts'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import { createAddressGuard } from '../../../src/infra/http/address-guard.ts'
import { createWebhookClient } from '../../../src/infra/http/undici-webhook-client.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { frozenAt, insert, rewardIntent, rewardKinds, createReward, type RewardOptions, type EarnedReward } from './earned-reward.ts'
import { prepareOne } from '../../support/prepare-one.ts'
import { freezeOne } from '../../support/freeze-one.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(async () => database.close())

const kinds = rewardKinds()
const url = 'https://hooks.example.com/rewards'
const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

const client = createWebhookClient({ guard: createAddressGuard({ allowCidr: [] }) })
afterAll(() => client.stop())
const channel = createWebhookChannel({ client, deadlineMs: 1_000, clock: { now: () => 0 } })

const prepareMail = (reward: EarnedReward) => prepareOne(kinds.email, rewardIntent(reward.userRewardId), database.sql)
const prepareWebhook = (reward: EarnedReward) => prepareOne(kinds.webhook, rewardIntent(reward.userRewardId), database.sql)

describe('a person without a right to the reward', () => {
  it.each([
    ['person-deleted', `UPDATE waitlist_users SET deleted_at = now() WHERE id = $1`, 'userId'],
    ['person-blocked', `UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, 'userId'],
    ['person-removed', `UPDATE waitlist_users SET status = 'removed' WHERE id = $1`, 'userId'],
    ['campaign-draft', `UPDATE campaigns SET status = 'draft' WHERE id = $1`, 'campaignId'],
    ['campaign-deleted', `UPDATE campaigns SET deleted_at = now() WHERE id = $1`, 'campaignId'],
    ['account-suspended', `UPDATE accounts SET status = 'suspended' WHERE id = $1`, 'accountId'],
    ['account-canceled', `UPDATE accounts SET status = 'canceled' WHERE id = $1`, 'accountId'],
    ['reward-delivered', `UPDATE user_rewards SET status = 'delivered' WHERE id = $1`, 'userRewardId'],
    ['reward-redeemed', `UPDATE user_rewards SET status = 'redeemed' WHERE id = $1`, 'userRewardId'],
    ['reward-revoked', `UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, 'userRewardId'],
    ['reward-expired', `UPDATE user_rewards SET status = 'expired' WHERE id = $1`, 'userRewardId'],
    ['reward-expired', `UPDATE user_rewards SET expires_at = now() - interval '1 second' WHERE id = $1`, 'userRewardId'],
    ['manual', `UPDATE rewards SET delivery_method = 'manual' WHERE id = $1`, 'rewardId'],
  ] as const)('%s', async (reason, change, id) => {
    const reward = await createReward(database.sql)
    await database.sql.query(change, [reward[id]])
    expect(await prepareMail(reward)).toEqual({ is: 'skip', reason })
    expect(await prepareWebhook(reward)).toEqual({ is: 'skip', reason })
  })

  it.each([
    [`UPDATE campaigns SET status = 'completed' WHERE id = $1`, 'campaignId'],
    [`UPDATE user_rewards SET status = 'pending' WHERE id = $1`, 'userRewardId'],
    [`UPDATE user_rewards SET expires_at = now() + interval '1 day' WHERE id = $1`, 'userRewardId'],
    [`UPDATE waitlist_users SET status = 'converted' WHERE id = $1`, 'userId'],
  ] as const)('does not get it after: %s', async (change, id) => {
    const reward = await createReward(database.sql)
    await database.sql.query(change, [reward[id]])
    expect(await prepareMail(reward)).toMatchObject({ is: 'message' })
  })

  it('waits for a paused campaign, unlike a revoked reward', async () => {
    const reward = await createReward(database.sql)
    await database.sql.query(`UPDATE campaigns SET status = 'paused' WHERE id = $1`, [reward.campaignId])
    expect(await prepareMail(reward)).toEqual({ is: 'wait', reason: 'campaign-paused', afterMs: 3_600_000, of: 'campaign' })
    await database.sql.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [reward.userRewardId])
    expect(await prepareMail(reward)).toEqual({ is: 'skip', reason: 'reward-revoked' })
  })
})

describe('a missing row', () => {
  it('is waited for with backoff, and finally given up', async () => {
    expect(await look(null)).toEqual({ is: 'wait', reason: awaitingRow, afterMs: 1_000 })
    expect(await look(120_000)).toEqual({ is: 'wait', reason: awaitingRow, afterMs: 30_000 })
    expect(await look(400_000)).toEqual({ is: 'skip', reason: 'not-found' })
  })

  it('is found when the platform commits', async () => {
    const reward = await createReward(database.sql)
    const waiting = { reason: awaitingRow, waitingSince: new Date() }
    expect(await prepareOne(kinds.email, rewardIntent(reward.userRewardId, waiting), database.sql)).toMatchObject({ is: 'message' })
  })
})

describe('the channel of a reward', () => {
  it('is that of its row: each channel passes it to the other', async () => {
    const byMail = await createReward(database.sql, { method: 'email' })
    expect(await prepareWebhook(byMail)).toEqual({ is: 'channel', channel: 'email' })
    const byWebhook = await createReward(database.sql, { method: 'webhook' })
    expect(await prepareMail(byWebhook)).toEqual({ is: 'channel', channel: 'webhook' })
  })

  it('is kept after the first attempt', async () => {
    const reward = await createReward(database.sql, { method: 'webhook' })
    const begun = rewardIntent(reward.userRewardId, { frozen: { envelope: {}, body: Buffer.from('mail') } })
    expect(await prepareOne(kinds.email, begun, database.sql)).toMatchObject({ is: 'message' })
  })
})

describe('the mail', () => {
  it('shows the reward, the person and the campaign in the built-in template', async () => {
    const reward = await createReward(database.sql, { rewardData: { code: 'EARLY-1', value: '20 %' } })
    const prepared = await prepareMail(reward)
    expect(prepared).toMatchObject({
      is: 'message',
      message: {
        type: 'reward_delivery',
        campaignId: reward.campaignId,
        userId: reward.userId,
        to: { address: expect.stringMatching(/^person-\d+@example\.org$/) },
        from: { address: 'hello@example.com', name: 'Early Birds' },
        replyTo: 'help@example.com',
        template: { from: 'built-in', type: 'reward_delivery' },
        templateId: null,
        values: {
          first_name: 'Ada',
          position: 3,
          campaign_name: 'Early Birds',
          company_name: 'Example Company',
          referral_link: expect.stringMatching(/^https:\/\/example\.com\/r\/ref-\d+$/),
          reward_name: 'Ten percent off',
          reward_description: 'For early birds',
          reward_type: 'discount',
          reward_code: 'EARLY-1',
          reward_details: '20 %\nType it in at the till.',
        },
        branding: { primaryColor: '#336699', companyName: 'Example Company' },
      },
    })
  })

  it('accepts numbers and missing details', async () => {
    const reward = await createReward(database.sql, { config: { value: 15, instructions: null } })
    expect(await prepareMail(reward)).toMatchObject({ message: { values: { reward_code: null, reward_details: '15' } } })
  })

  it.each([
    ['6011000990139424123', '6011000990139424123'],
    ['10.00', '10.00'],
    ['-0.10', '-0.10'],
    ['1e400', String(10n ** 400n)],
  ])('shows the number %s as its tenant wrote it', async (_, number) => {
    const reward = await createReward(database.sql)
    const write = (table: 'rewards' | 'user_rewards', column: string, json: string, id: string) =>
      database.sql.query(`UPDATE ${table} SET ${column} = $1::jsonb WHERE id = $2`, [json, id])
    await write('rewards', 'config', `{"value": ${number}, "instructions": {"card": [${number}]}}`, reward.rewardId)
    expect(await prepareMail(reward)).toMatchObject({ message: { values: { reward_details: `${number}\n{"card":[${number}]}` } } })
    await write('user_rewards', 'reward_data', `{"value": ${number}, "code": ${number}}`, reward.userRewardId)
    await database.sql.query(`UPDATE rewards SET delivery_method = 'webhook', delivery_config = $1 WHERE id = $2`, [
      JSON.stringify({ webhook_url: url }),
      reward.rewardId,
    ])
    await insert(database.sql, 'webhooks', { account_id: reward.accountId, url, secret })
    const prepared = await prepareWebhook(reward)
    if (prepared.is !== 'message') throw new Error(`the webhook is ${prepared.is}`)
    const { body } = await freezeOne(channel, rewardIntent(reward.userRewardId), prepared.message)
    expect(Buffer.from(body ?? '').toString()).toContain(`"code":"${number}","value":${number},"instructions":{"card":[${number}]}`)
  })

  it('uses the template of the campaign with this name, if it is enabled', async () => {
    const reward = await createReward(database.sql)
    const template = {
      campaign_id: reward.campaignId,
      type: 'custom',
      subject: 'Here',
      html_body: '<p>{{reward_code}}</p>',
      text_body: null,
    }
    await insert(database.sql, 'email_templates', { ...template, name: 'another' })
    await insert(database.sql, 'email_templates', { ...template, name: 'reward_delivery', enabled: false })
    expect(await prepareMail(reward)).toMatchObject({ message: { templateId: null } })
    const id = await insert(database.sql, 'email_templates', { ...template, name: 'reward_delivery' })
    expect(await prepareMail(reward)).toMatchObject({
      message: {
        templateId: id,
        template: { from: 'campaign', id, subject: 'Here', html: '<p>{{reward_code}}</p>', text: null },
      },
    })
  })
})

describe('the webhook', () => {
  const plot: RewardOptions = { method: 'webhook', webhookUrl: url, rewardData: { code: 'EARLY-1' } }
  const endpoint = (reward: EarnedReward, change: Record<string, unknown> = {}) =>
    insert(database.sql, 'webhooks', { account_id: reward.accountId, url, secret, max_retries: 7, ...change })

  it('goes to the active endpoint of that URL, with the time of the event', async () => {
    const reward = await createReward(database.sql, plot)
    const id = await endpoint(reward)
    expect(await prepareWebhook(reward)).toEqual({
      is: 'message',
      message: {
        endpointId: id,
        url,
        secret,
        eventType: 'reward.delivered',
        retryEnabled: true,
        maxRetries: 7,
        payload: {
          type: 'reward.delivered',
          timestamp: '2030-01-02T03:04:05.678Z',
          data: {
            user_reward_id: reward.userRewardId,
            user_id: reward.userId,
            campaign_id: reward.campaignId,
            reward_id: reward.rewardId,
            reward: { name: 'Ten percent off', type: 'discount', code: 'EARLY-1', value: '10 %', instructions: 'Type it in at the till.' },
          },
        },
      },
    })
  })

  it("prefers the campaign's to the account's, and the lowest id", async () => {
    const reward = await createReward(database.sql, plot)
    await endpoint(reward, { id: '00000000-0000-4000-8000-000000000001' })
    const own = { campaign_id: reward.campaignId }
    await endpoint(reward, { ...own, id: 'f0000000-0000-4000-8000-000000000002' })
    await endpoint(reward, { ...own, id: 'e0000000-0000-4000-8000-000000000003' })
    expect(await prepareWebhook(reward)).toMatchObject({ message: { endpointId: 'e0000000-0000-4000-8000-000000000003' } })
  })

  it.each(['HTTPS://HOOKS.example.com:443/x/../rewards', ' https://hooks.example.com/rewards#top'])(
    'goes to an endpoint with an equal URL by the URL standard, at the URL of its row: %j',
    async (written) => {
      const reward = await createReward(database.sql, plot)
      await endpoint(reward)
      const own = await endpoint(reward, { url: written, campaign_id: reward.campaignId })
      expect(await prepareWebhook(reward)).toMatchObject({ message: { endpointId: own, url: written } })
    },
  )

  it.each([
    ['paused', { status: 'paused' }],
    ['failed', { status: 'failed' }],
    ['deleted', { deleted_at: new Date() }],
    ['at another URL', { url: 'https://hooks.example.com/other' }],
  ])('is dead when its endpoint is %s', async (_what, change) => {
    const reward = await createReward(database.sql, plot)
    await endpoint(reward, change)
    expect(await prepareWebhook(reward)).toEqual({ is: 'dead', reason: 'no-endpoint' })
  })

  it("is dead when there is none, or only another tenant's or campaign's, or no URL", async () => {
    const reward = await createReward(database.sql, plot)
    const stranger = await createReward(database.sql, plot)
    await endpoint(stranger)
    const sibling = await insert(database.sql, 'campaigns', {
      account_id: reward.accountId,
      name: 'Another',
      slug: 'another',
      status: 'active',
    })
    await endpoint(reward, { campaign_id: sibling })
    expect(await prepareWebhook(reward)).toEqual({ is: 'dead', reason: 'no-endpoint' })
    const nowhere = await createReward(database.sql, { method: 'webhook' })
    await endpoint(nowhere)
    expect(await prepareWebhook(nowhere)).toEqual({ is: 'dead', reason: 'no-endpoint' })
  })

  it('stays with the endpoint of its first attempt, at its current URL', async () => {
    const reward = await createReward(database.sql, plot)
    const first = await endpoint(reward)
    await endpoint(reward, { campaign_id: reward.campaignId })
    await database.sql.query(`UPDATE webhooks SET url = 'https://hooks.example.com/moved' WHERE id = $1`, [first])
    const begun = rewardIntent(reward.userRewardId, { frozen: frozenAt(first) })
    expect(await prepareOne(kinds.webhook, begun, database.sql)).toMatchObject({
      message: { endpointId: first, url: 'https://hooks.example.com/moved' },
    })
    await database.sql.query(`UPDATE webhooks SET status = 'failed' WHERE id = $1`, [first])
    expect(await prepareOne(kinds.webhook, begun, database.sql)).toEqual({ is: 'dead', reason: 'no-endpoint' })
  })
})

/** A look at a reward that does not exist, and was waited for so long already. */
function look(waitedMs: number | null): Promise<Prepared<WebhookMessage>> {
  const waiting = waitedMs === null ? {} : { reason: awaitingRow, waitingSince: new Date(Date.now() - waitedMs) }
  return prepareOne(kinds.webhook, rewardIntent(randomUUID(), waiting), database.sql)
}
