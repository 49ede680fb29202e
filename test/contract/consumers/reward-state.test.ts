import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MailMessage } from '../../../src/delivery/email/mail-message.ts'
import type { AttemptOutcome, OutcomeNote, Started } from '../../../src/model/intent-kind.ts'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insert, rewardIntent, rewardKinds, createReward, userRewardOf, type EarnedReward } from './earned-reward.ts'
import { kindStart, prepareOne } from '../../support/prepare-one.ts'
import { untilSomebodyWaits } from '../postgres/lock-wait.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(async () => database.close())

const kinds = rewardKinds()

async function startMail(reward: EarnedReward, randomCode?: () => string): Promise<Started<MailMessage>> {
  const { email } = randomCode === undefined ? kinds : rewardKinds({ randomCode })
  const intent = rewardIntent(reward.userRewardId)
  return database.transaction(async (tx) => {
    const prepared = await prepareOne(email, intent, tx)
    if (prepared.is !== 'message') throw new Error(`Prepared is ${prepared.is}.`)
    const started = await kindStart(email, intent, prepared.message, tx)
    if (started === undefined) throw new Error('The kind has no start.')
    return started
  })
}

const codeOf = (started: Started<MailMessage>): unknown => (started.is === 'go' ? started.message.values.reward_code : started)

const end = (reward: EarnedReward, how: AttemptOutcome): Promise<OutcomeNote | undefined> =>
  database.transaction(
    async (tx) => (await kinds.email.recordOutcomes?.([{ intent: rewardIntent(reward.userRewardId), outcome: how }], tx))?.[0],
  )

const delivered: AttemptOutcome = { ok: true, final: true, reason: null }

describe('the start of a delivery', () => {
  it('counts each attempt', async () => {
    const reward = await createReward(database.sql)
    expect(await startMail(reward)).toMatchObject({ is: 'go' })
    expect(await startMail(reward)).toMatchObject({ is: 'go' })
    expect(await userRewardOf(database.sql, reward)).toMatchObject({
      status: 'earned',
      delivery_attempts: 2,
      last_delivery_attempt_at: expect.any(Date),
    })
  })

  it.each([
    ['reward-revoked', `status = 'revoked'`],
    ['reward-delivered', `status = 'delivered'`],
    ['reward-expired', `expires_at = now() - interval '1 second'`],
  ])('is refused as %s when that was committed after prepare, and counts no attempt', async (reason, change) => {
    const reward = await createReward(database.sql)
    const intent = rewardIntent(reward.userRewardId)
    const prepared = await prepareOne(kinds.email, intent, database.sql)
    if (prepared.is !== 'message') throw new Error('The reward cannot be prepared.')
    await database.sql.query(`UPDATE user_rewards SET ${change} WHERE id = $1`, [reward.userRewardId])
    expect(await database.transaction(async (tx) => kindStart(kinds.email, intent, prepared.message, tx))).toEqual({ is: 'skip', reason })
    expect(await userRewardOf(database.sql, reward)).toMatchObject({ delivery_attempts: 0, last_delivery_attempt_at: null })
  })

  it('of a block is decided for each reward: some are skipped with their own reasons, the others get their own codes', async () => {
    const config = { code_template: '{random}' }
    const fixtures = [
      await createReward(database.sql, { config }),
      await createReward(database.sql, { config }),
      await createReward(database.sql, { config }),
      await createReward(database.sql, { rewardData: { code: 'OWN' } }),
    ]
    const starts = await Promise.all(
      fixtures.map(async ({ userRewardId }) => {
        const intent = rewardIntent(userRewardId)
        const prepared = await prepareOne(kinds.email, intent, database.sql)
        if (prepared.is !== 'message') throw new Error(`Prepared is ${prepared.is}.`)
        return { intent, message: prepared.message }
      }),
    )
    const [revoked, deleted] = fixtures
    await database.sql.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [revoked?.userRewardId])
    await database.sql.query(`DELETE FROM user_rewards WHERE id = $1`, [deleted?.userRewardId])
    const started = await database.transaction(async (tx) => kinds.email.start?.(starts, tx))
    expect(started?.slice(0, 2)).toEqual([
      { is: 'skip', reason: 'reward-revoked' },
      { is: 'skip', reason: 'not-found' },
    ])
    const codes = started?.slice(2).map(codeOf)
    expect(codes).toEqual([expect.stringMatching(/^[2-9A-HJKMNP-Z]{10}$/), 'OWN'])
    for (const [index, fixture] of fixtures.slice(2).entries()) {
      expect(await userRewardOf(database.sql, fixture)).toMatchObject({ delivery_attempts: 1, reward_data: { code: codes?.[index] } })
    }
  })

  it('waits for a revocation that is being written, and respects it', async () => {
    const reward = await createReward(database.sql)
    let starting: Promise<Started<MailMessage>> | undefined
    await database.transaction(async (platform) => {
      await platform.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [reward.userRewardId])
      starting = startMail(reward)
      await untilSomebodyWaits(database.sql)
    })
    expect(await starting).toEqual({ is: 'skip', reason: 'reward-revoked' })
  })
})

describe('the code', () => {
  it('is made once, kept in the reward and in the reservations, and the same at every attempt', async () => {
    const reward = await createReward(database.sql, { config: { code_template: 'EARLY-{random}' }, rewardData: { note: 'kept' } })
    const code = codeOf(await startMail(reward))
    expect(code).toMatch(/^EARLY-[2-9A-HJKMNP-Z]{10}$/)
    expect(await userRewardOf(database.sql, reward)).toMatchObject({ reward_data: { note: 'kept', code } })
    const reserved = await database.sql.query('SELECT campaign_id, code FROM worker.reward_codes WHERE user_reward_id = $1', [
      reward.userRewardId,
    ])
    expect(reserved).toEqual([{ campaign_id: reward.campaignId, code }])
    expect(codeOf(await startMail(reward))).toBe(code)
  })

  it('goes into the payload of a webhook', async () => {
    const url = 'https://hooks.example.com/rewards'
    const reward = await createReward(database.sql, { method: 'webhook', webhookUrl: url, config: { code_template: '{random}' } })
    await insert(database.sql, 'webhooks', { account_id: reward.accountId, url, secret: 'secret' })
    const intent = rewardIntent(reward.userRewardId)
    const started = await database.transaction(async (tx): Promise<Started<WebhookMessage> | undefined> => {
      const prepared = await prepareOne(kinds.webhook, intent, tx)
      return prepared.is === 'message' ? kindStart(kinds.webhook, intent, prepared.message, tx) : undefined
    })
    const { reward_data: data } = await userRewardOf(database.sql, reward)
    expect(data['code']).toMatch(/^[2-9A-HJKMNP-Z]{10}$/)
    expect(started).toMatchObject({
      is: 'go',
      message: {
        payload: { type: 'reward.delivered', data: { user_id: reward.userId, reward: { name: 'Ten percent off', code: data['code'] } } },
      },
    })
  })

  it('that the reward has is never replaced', async () => {
    const reward = await createReward(database.sql, { config: { code_template: '{random}' }, rewardData: { code: 'GIVEN' } })
    expect(codeOf(await startMail(reward))).toBe('GIVEN')
    expect(await userRewardOf(database.sql, reward)).toMatchObject({ reward_data: { code: 'GIVEN' } })
  })

  it('of a template without {random} is the template, for all rewards', async () => {
    for (let i = 0; i < 2; i++) {
      const reward = await createReward(database.sql, { config: { code_template: 'SUMMER' } })
      expect(codeOf(await startMail(reward))).toBe('SUMMER')
    }
  })

  it('does not exist without a template', async () => {
    expect(codeOf(await startMail(await createReward(database.sql)))).toBeNull()
  })

  it('is drawn again when it is used in the campaign, within the same transaction', async () => {
    const reward = await createReward(database.sql, { config: { code_template: 'X-{random}' } })
    await database.sql.query('INSERT INTO worker.reward_codes (campaign_id, code, user_reward_id) VALUES ($1, $2, gen_random_uuid())', [
      reward.campaignId,
      'X-TAKEN',
    ])
    const draws = ['TAKEN', 'TAKEN', 'FREE']
    expect(codeOf(await startMail(reward, () => draws.shift() ?? 'NONE'))).toBe('X-FREE')
  })

  it('is reserved permanently: a reward whose data was overwritten gets it again', async () => {
    const reward = await createReward(database.sql, { config: { code_template: '{random}' } })
    const code = codeOf(await startMail(reward))
    await database.sql.query(`UPDATE user_rewards SET reward_data = '{}' WHERE id = $1`, [reward.userRewardId])
    expect(codeOf(await startMail(reward))).toBe(code)
  })

  it('differs for two rewards of a campaign that draw the same at the same time', async () => {
    const reward = await createReward(database.sql, { config: { code_template: '{random}' } })
    const twin = {
      ...reward,
      userRewardId: await insert(database.sql, 'user_rewards', {
        user_id: reward.userId,
        reward_id: reward.rewardId,
        campaign_id: reward.campaignId,
        status: 'earned',
      }),
    }
    const codes = await Promise.all([startMail(reward, drawing('ONE')), startMail(twin, drawing('TWO'))])
    expect(codes.map(codeOf)).toContain('SAME')
    expect(new Set(codes.map(codeOf)).size).toBe(2)
  })
})

describe('the end of an attempt', () => {
  it('that succeeded makes the reward delivered and removes the error', async () => {
    const reward = await createReward(database.sql)
    await end(reward, { ok: false, final: false, reason: 'timeout' })
    expect(await userRewardOf(database.sql, reward)).toMatchObject({
      status: 'earned',
      delivery_error: 'Not delivered yet, will be tried again: timeout.',
    })
    expect(await end(reward, delivered)).toBeUndefined()
    expect(await userRewardOf(database.sql, reward)).toMatchObject({
      status: 'delivered',
      delivered_at: expect.any(Date),
      delivery_error: null,
    })
  })

  it('that failed finally records the error and leaves the status', async () => {
    const reward = await createReward(database.sql)
    await end(reward, { ok: false, final: true, reason: 'no-endpoint' })
    expect(await userRewardOf(database.sql, reward)).toMatchObject({
      status: 'earned',
      delivered_at: null,
      delivery_error: 'Not delivered: no-endpoint.',
    })
  })

  it.each(['revoked', 'redeemed', 'expired'])('leaves a reward that became %s meanwhile, and records it', async (status) => {
    const reward = await createReward(database.sql)
    await startMail(reward)
    await database.sql.query('UPDATE user_rewards SET status = $2 WHERE id = $1', [reward.userRewardId, status])
    expect(await end(reward, delivered)).toEqual({ note: `reward-${status}-meanwhile` })
    expect(await userRewardOf(database.sql, reward)).toMatchObject({ status, delivered_at: null })
    await end(reward, { ok: false, final: true, reason: 'timeout' })
    expect(await userRewardOf(database.sql, reward)).toMatchObject({ status, delivery_error: null })
  })

  it('counts as delivered although the reward expired meanwhile', async () => {
    const reward = await createReward(database.sql)
    await startMail(reward)
    await database.sql.query(`UPDATE user_rewards SET expires_at = now() - interval '1 second' WHERE id = $1`, [reward.userRewardId])
    expect(await end(reward, delivered)).toBeUndefined()
    expect(await userRewardOf(database.sql, reward)).toMatchObject({ status: 'delivered' })
  })

  it('recorded twice changes nothing the second time', async () => {
    const reward = await createReward(database.sql)
    await end(reward, delivered)
    const once = await userRewardOf(database.sql, reward)
    expect(await end(reward, delivered)).toBeUndefined()
    expect(await userRewardOf(database.sql, reward)).toEqual(once)
  })
})

/** A generator that gives both twins the same first, then each its own. */
function drawing(own: string): () => string {
  const draws = ['SAME', own]
  return () => draws.shift() ?? 'NONE'
}
