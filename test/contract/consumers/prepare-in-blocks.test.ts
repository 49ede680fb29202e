import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMailKind } from '../../../src/consumers/email/mail-kind.ts'
import { everythingGoes } from '../../../src/consumers/mail-rules.ts'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { createIntentWorkers } from '../../../src/delivery/worker-pool.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { createDeliveryFixture, sent } from '../../unit/delivery/delivery-fixture.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { prepareOne } from '../../support/prepare-one.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { frozenAt, insert, rewardIntent, rewardKinds, createReward, type EarnedReward } from './earned-reward.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

const types = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone'] as const
const mailKind = createMailKind({ missingRowWaitMs: 300_000, positionMailMaxWaitMs: 0, referralLinkTemplate: null, rules: everythingGoes })
const rewards = rewardKinds()
const url = 'https://hooks.example.com/rewards'
let keys = 0

/** A mail of each type to the person of a earned, by default about a referral that does not exist. */
function mailsTo(earned: EarnedReward, change: Partial<Intent> = {}, referralId = earned.userRewardId): Intent[] {
  return types.map((type) => {
    const id = String(++keys)
    const data = { type, referral_id: referralId, user_reward_id: earned.userRewardId }
    return sampleIntent({ id, key: id, campaignId: earned.campaignId, userId: earned.userId, data, ...change })
  })
}

/** The database with its statements noted. */
function noting(statements: string[]): Sql {
  return {
    query(text, parameters) {
      statements.push(text)
      return database.sql.query(text, parameters)
    },
  }
}

async function change(text: string, ...parameters: readonly unknown[]): Promise<void> {
  await database.sql.query(text, parameters)
}

describe('a claim', () => {
  it('of ten mails of five types is prepared by one statement, and each mail goes to its own person', async () => {
    const group = 'email-workers'
    const allEarned = [await createReward(database.sql), await createReward(database.sql)]
    for (const { kind, version, channel, key, campaignId, userId, data } of allEarned.flatMap((earned) => mailsTo(earned))) {
      const row = { group_name: group, kind, version, channel, key, campaign_id: campaignId, user_id: userId, data }
      // Long enough ago that the referral of a position mail will not come any more.
      await insert(database.sql, 'worker.intents', { ...row, due_at: new Date(0), reason: 'awaiting-row', waiting_since: new Date(0) })
    }
    const statements: string[] = []
    const store = { ...createIntentStore(database, { channels: channelNames }), read: noting(statements) }
    const fixture = createDeliveryFixture([mailKind], { store })
    Object.assign(fixture.email, { deliveryLog: null })
    const addresses: string[] = []
    fixture.email.perform = async (_intent, _frozen, message) => {
      addresses.push(message.to.address)
      return sent
    }
    // A claim takes half of the workers at most.
    const workers = createIntentWorkers({ group, executor: fixture.executor, poolSize: 20, owner: group, pollMs: 5 })
    workers.start()
    await eventually(
      'all mails have ended',
      () => fixture.reported('settled').length === 10 || `${fixture.reported('settled').length} have ended`,
    )
    await workers.stop()
    expect(fixture.reported('claimed').map(({ count }) => count)).toEqual([10])
    expect(statements).toHaveLength(1)
    const emails = await database.sql.query<{ email: string }>('SELECT email FROM waitlist_users WHERE id = ANY ($1)', [
      allEarned.map(({ userId }) => userId),
    ])
    // The referral of the position mails does not exist.
    expect(addresses.toSorted()).toEqual(emails.flatMap(({ email }) => Array.from({ length: 4 }, () => email)).toSorted())
  })
})

/** Histories with different outcomes, published once. */
async function allEarned() {
  const plots = {
    plain: await createReward(database.sql),
    templated: await createReward(database.sql),
    blocked: await createReward(database.sql),
    suppressed: await createReward(database.sql),
    spelled: await createReward(database.sql),
    paused: await createReward(database.sql),
    absent: await createReward(database.sql),
    toEndpoint: await createReward(database.sql, { method: 'webhook', webhookUrl: url }),
    toNobody: await createReward(database.sql, { method: 'webhook', webhookUrl: 'https://example.com/nobody' }),
    begun: await createReward(database.sql, { method: 'webhook', webhookUrl: url }),
  }
  const { templated, blocked, suppressed, spelled, paused, absent, toEndpoint, begun } = plots
  const template = { campaign_id: templated.campaignId, name: 'Welcome', type: 'welcome', subject: 'Hello', html_body: '<p>Hello</p>' }
  await insert(database.sql, 'email_templates', template)
  await change(`UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, blocked.userId)
  const suppress = `INSERT INTO worker.suppressions (account_id, address_hash, reason) VALUES ($1, worker.address_hash($2), 'bounced')`
  const [person] = await database.sql.query<{ email: string }>('SELECT email FROM waitlist_users WHERE id = $1', [suppressed.userId])
  await change(suppress, suppressed.accountId, person?.email)
  await change(`UPDATE waitlist_users SET email = 'ann@b\u00fccher.example' WHERE id = $1`, spelled.userId)
  await change(suppress, spelled.accountId, 'ann@xn--bcher-kva.example')
  await change(`UPDATE campaigns SET status = 'paused' WHERE id = $1`, paused.campaignId)
  await change('DELETE FROM user_rewards WHERE id = $1', absent.userRewardId)
  await change('DELETE FROM waitlist_users WHERE id = $1', absent.userId)
  const endpointOf = (earned: EarnedReward, to: string) =>
    insert(database.sql, 'webhooks', {
      account_id: earned.accountId,
      campaign_id: earned.campaignId,
      url: to,
      secret: 's',
      status: 'active',
      events: [],
    })
  await endpointOf(toEndpoint, url)
  const endpointId = await endpointOf(begun, 'https://example.com/before')
  await endpointOf(begun, url)
  const friend = {
    campaign_id: templated.campaignId,
    email: 'friend@example.org',
    referral_code: 'friend',
    status: 'verified',
    position: 9,
  }
  const friendId = await insert(database.sql, 'waitlist_users', { ...friend, original_position: 9 })
  const referral = { campaign_id: templated.campaignId, referrer_id: templated.userId, referred_id: friendId, status: 'verified' }
  // The person's own, and for all others somebody else's.
  const referralId = await insert(database.sql, 'referrals', referral)
  return { all: Object.values(plots), begun, endpointId, referralId }
}

describe('a block', () => {
  it('gives each of its intents the same answer as alone', async () => {
    const { all, begun, endpointId, referralId } = await allEarned()
    // Mails that were handed over before go where they went.
    const mails = all.flatMap((earned) => [
      ...mailsTo(earned, {}, referralId),
      ...mailsTo(earned, { frozen: { envelope: { address: 'first@example.org' }, body: null } }),
    ])
    const deliveries = all.map(({ userRewardId }) => rewardIntent(userRewardId, { eventAt: null }))
    deliveries.push(rewardIntent(begun.userRewardId, { frozen: frozenAt(endpointId) }))
    for (const [kind, intents] of [
      [mailKind, [...mails, sampleIntent({ data: { type: 'unheard-of' } })]],
      [rewards.email, deliveries],
      [rewards.webhook, deliveries],
    ] as const) {
      const alone: unknown[] = []
      for (const intent of intents) alone.push(await prepareOne<unknown>(kind, intent, database.sql))
      const statements: string[] = []
      expect(await kind.prepare(intents, noting(statements))).toEqual(alone)
      expect(new Set(alone.map((answer) => JSON.stringify(answer))).size).toBeGreaterThan(4)
      // The rows, the addresses with several spellings, the endpoints.
      expect(statements).toHaveLength(kind.channel === 'email' && kind.kind === 'mail' ? 2 : 3)
    }
  })

  it('of any size is read by one plan, which the server caches', async () => {
    const earned = await createReward(database.sql, { method: 'webhook', webhookUrl: url })
    await database.sql.query('ANALYZE')
    await database.transaction(async (tx) => {
      for (let size = 1; size <= 20; size++) {
        await mailKind.prepare(Array.from({ length: size }, () => mailsTo(earned)).flat(), tx)
        await rewards.webhook.prepare(
          Array.from({ length: size }, () => rewardIntent(earned.userRewardId)),
          tx,
        )
      }
      const plans = await tx.query<{ custom: number; generic: number }>(
        `SELECT custom_plans::int AS custom, generic_plans::int AS generic FROM pg_prepared_statements WHERE statement LIKE '%WITH ORDINALITY%'`,
      )
      // The server plans each statement five times before it compares.
      expect(plans.map(({ custom }) => custom)).toEqual([5, 5, 5])
      expect(Math.min(...plans.map(({ generic }) => generic))).toBeGreaterThanOrEqual(15)
    })
  })
})
