import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { AttemptOutcome, KindRows } from '../../../src/model/intent-kind.ts'
import { onlyValue } from '../../../src/std/only-value.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { prepareOne } from '../../support/prepare-one.ts'
import { untilSomebodyWaits } from '../postgres/lock-wait.ts'
import { insertIntents, request } from '../postgres/intent-rows.ts'
import { createReward, insert, rewardKinds, userRewardOf, type EarnedReward, type RewardOptions } from './earned-reward.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents'))

const { webhook } = rewardKinds()
const kindRows = webhook.kindRows ?? raise('Webhooks of rewards have no rows of their own.')
const url = 'https://hooks.example.com/rewards'
const deliveryLog = 'webhook_deliveries'
const delivered = { is: 'final', state: 'delivered', reason: null } as const
const ok: AttemptOutcome = { ok: true, final: true, reason: null }

interface Delivery {
  readonly reward: EarnedReward
  readonly intent: Intent
  readonly message: WebhookMessage
}

/** A store of one group with so many rewards that it has claimed and prepared. */
async function prepared(count: number, plot: RewardOptions = {}) {
  const rewards: EarnedReward[] = []
  for (let index = 0; index < count; index++) {
    const reward = await createReward(database.sql, { method: 'webhook', webhookUrl: url, ...plot })
    await insert(database.sql, 'webhooks', { account_id: reward.accountId, url, secret: 'secret' })
    rewards.push(reward)
  }
  await insertIntents(
    database.sql,
    ...rewards.map(({ userRewardId, campaignId }) => ({
      channel: 'webhook',
      kind: 'reward',
      key: `reward:${userRewardId}`,
      campaign_id: campaignId,
      data: { user_reward_id: userRewardId },
    })),
  )
  const store = createIntentStore(database, { channels: channelNames, poolSize: count })
  const kinds = [{ kind: 'reward', version: 1 }]
  const claimed = await store.claim(request({ channel: 'webhook', kinds, limit: count }))
  const deliveries = await Promise.all(
    rewards.map(async (reward): Promise<Delivery> => {
      const intent = claimed.find(({ key }) => key === `reward:${reward.userRewardId}`)
      if (intent === undefined) throw new Error('An intent was not claimed.')
      const answer = await prepareOne(webhook, intent, database.sql)
      if (answer.is !== 'message') throw new Error(`Prepared is ${answer.is}.`)
      return { reward, intent, message: answer.message }
    }),
  )
  const start = async ({ intent, message }: Delivery) => {
    const values = kindRows.startValues({ intent, message })
    if (values === null) throw new Error('Only a transaction can start it.')
    const envelope = { endpointId: message.endpointId, eventType: message.eventType }
    const frozen = { envelope, body: Buffer.from(JSON.stringify(message.payload)) }
    const ofKind = { rows: kindRows, values }
    return onlyValue(await store.start([{ intent, state: 'claimed', leaseMs: 60_000, deliveryLog, frozen, ofKind }]))
  }
  const settle = async ({ intent }: Delivery, outcome: AttemptOutcome = ok, rows: KindRows = kindRows) => {
    const settlement = outcome.ok ? delivered : ({ is: 'later', as: 'retry', reason: outcome.reason ?? '', afterMs: 60_000 } as const)
    const record = webhook.recordOutcomes ?? raise('Webhooks of rewards record no outcomes.')
    return onlyValue(
      await store.settle([{ intent, settlement, deliveryLog, reply: { status: 200 }, kindOutcome: { outcome, record, kindRows: rows } }]),
    )
  }
  return { deliveries, start, settle }
}

/** The next attempt, a minute later. */
async function claimedAgain(delivery: Delivery): Promise<Delivery> {
  const [row] = await database.sql.query<{ claims: number }>(
    `UPDATE worker.intents SET state = 'claimed', owner = 'again', claims = claims + 1, lease_until = now() + interval '1 minute'
      WHERE key = $1 RETURNING claims`,
    [delivery.intent.key],
  )
  const claim = { id: delivery.intent.id, owner: 'again', claims: row?.claims ?? 0 }
  return { ...delivery, intent: { ...delivery.intent, claim } }
}

/** Of each reward: its intent, its delivery and itself, and which transaction wrote the intent. */
async function rowsOf({ reward: { userRewardId } }: Delivery) {
  const [row] = await database.sql.query<{ state: string; delivery: string | null; reward: string; attempts: number; written: string }>(
    `SELECT i.state, d.status AS delivery, ur.status AS reward, ur.delivery_attempts AS attempts, i.xmin::text AS written
       FROM worker.intents AS i
       LEFT JOIN webhook_deliveries AS d ON d.id = md5(i.group_name || ':' || i.key)::uuid
       LEFT JOIN user_rewards AS ur ON ur.id = $1::uuid
      WHERE i.key = 'reward:' || $1::text`,
    [userRewardId],
  )
  return row
}

const valuesOf = ([delivery]: readonly Delivery[]) => delivery && kindRows.startValues(delivery)

/** The two of a store that has two. */
function pair(deliveries: readonly Delivery[]): readonly [Delivery, Delivery] {
  const [one, other] = deliveries
  if (one === undefined || other === undefined) throw new Error('There are two.')
  return [one, other]
}

describe('the start of a reward with its rows in one statement', () => {
  it('counts the attempt and opens the delivery, for each of a block; its outcome makes it delivered', async () => {
    const { deliveries, start, settle } = await prepared(3)
    expect(await Promise.all(deliveries.map(start))).toEqual(['started', 'started', 'started'])
    const started = await Promise.all(deliveries.map(rowsOf))
    for (const row of started) expect(row).toMatchObject({ state: 'claimed', delivery: 'pending', reward: 'earned', attempts: 1 })
    expect(new Set(started.map((row) => row?.written)).size).toBe(1)
    expect(await Promise.all(deliveries.map((delivery) => settle(delivery)))).toEqual(['settled', 'settled', 'settled'])
    for (const row of await Promise.all(deliveries.map(rowsOf))) {
      expect(row).toMatchObject({ state: 'delivered', delivery: 'success', reward: 'delivered', attempts: 1 })
    }
  })

  it.each([
    ['was revoked', `status = 'revoked'`],
    ['was delivered otherwise', `status = 'delivered'`],
    ['has expired', `expires_at = now() - interval '1 second'`],
    ['has got a code', `reward_data = '{"code":"NEW"}'`],
  ])('does not happen when the reward %s after it was prepared, and holds up no other', async (_, change) => {
    const { deliveries, start } = await prepared(2)
    const [one, other] = pair(deliveries)
    await database.sql.query(`UPDATE user_rewards SET ${change} WHERE id = $1`, [one.reward.userRewardId])
    expect(await Promise.all([start(one), start(other)])).toEqual(['lost', 'started'])
    expect(await rowsOf(one)).toMatchObject({ state: 'claimed', delivery: null, attempts: 0 })
    expect(await rowsOf(other)).toMatchObject({ delivery: 'pending', attempts: 1 })
  })

  it('does not happen when its template has got a code, which only a transaction can draw', async () => {
    const { deliveries, start } = await prepared(2)
    const [one, other] = pair(deliveries)
    await database.sql.query(`UPDATE rewards SET config = config || '{"code_template":"{random}"}' WHERE id = $1`, [one.reward.rewardId])
    expect(await Promise.all([start(one), start(other)])).toEqual(['lost', 'started'])
    const withTemplate = await prepared(1, { config: { code_template: '{random}' } })
    const withCode = await prepared(1, { config: { code_template: '{random}' }, rewardData: { code: 'OWN' } })
    expect(valuesOf(withTemplate.deliveries)).toBeNull()
    expect(valuesOf(withCode.deliveries)).toEqual([expect.any(String), 'OWN'])
    expect(await withCode.start(withCode.deliveries[0] ?? one)).toBe('started')
  })

  it('counts nothing for a claim that was lost', async () => {
    const { deliveries, start } = await prepared(2)
    const [one, other] = pair(deliveries)
    await database.sql.query(`UPDATE worker.intents SET owner = 'another' WHERE key = $1`, [one.intent.key])
    expect(await Promise.all([start(one), start(other)])).toEqual(['lost', 'started'])
    expect(await rowsOf(one)).toMatchObject({ delivery: null, attempts: 0 })
  })

  it('waits for a revocation that is being written, and respects it', async () => {
    const { deliveries, start } = await prepared(1)
    const [one] = deliveries
    if (one === undefined) throw new Error('There is one.')
    let starting: Promise<string> | undefined
    await database.transaction(async (platform) => {
      await platform.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [one.reward.userRewardId])
      starting = start(one)
      await untilSomebodyWaits(database.sql)
    })
    expect(await starting).toBe('lost')
    expect(await rowsOf(one)).toMatchObject({ reward: 'revoked', attempts: 0 })
  })

  it('waits for another change of the platform, and happens then', async () => {
    const { deliveries, start, settle } = await prepared(1)
    const [one] = deliveries
    if (one === undefined) throw new Error('There is one.')
    const whileChanged = async (write: () => Promise<unknown>) => {
      let writing: Promise<unknown> | undefined
      await database.transaction(async (platform) => {
        await platform.query(`UPDATE user_rewards SET updated_at = now() WHERE id = $1`, [one.reward.userRewardId])
        writing = write()
        await untilSomebodyWaits(database.sql)
      })
      return writing
    }
    expect(await whileChanged(() => start(one))).toBe('started')
    expect(await rowsOf(one)).toMatchObject({ delivery: 'pending', attempts: 1 })
    expect(await whileChanged(() => settle(one))).toBe('settled')
    expect(await rowsOf(one)).toMatchObject({ delivery: 'success', reward: 'delivered' })
  })

  it('and its outcome are refused for one reward, and not for the other of the block, where the platform refuses its row', async () => {
    const { deliveries, start, settle } = await prepared(2)
    const [one, other] = pair(deliveries)
    const whileRefused = async (constraint: string, write: (delivery: Delivery) => Promise<unknown>) => {
      const refused = `CHECK (id <> '${one.reward.userRewardId}' OR ${constraint}) NOT VALID`
      await database.sql.query(`ALTER TABLE user_rewards ADD CONSTRAINT refused ${refused}`)
      const written = await Promise.allSettled([write(one), write(other)])
      await database.sql.query('ALTER TABLE user_rewards DROP CONSTRAINT refused')
      return written
    }
    expect(await whileRefused('delivery_attempts = 0', start)).toMatchObject([
      { status: 'rejected', reason: { state: '23514' } },
      { value: 'started' },
    ])
    expect(await rowsOf(one)).toMatchObject({ state: 'claimed', delivery: null, attempts: 0 })
    expect(await rowsOf(other)).toMatchObject({ delivery: 'pending', attempts: 1 })
    await start(one)
    expect(await whileRefused(`status = 'earned'`, (delivery) => settle(delivery))).toMatchObject([
      { status: 'rejected', reason: { state: '23514' } },
      { value: 'settled' },
    ])
    expect(await rowsOf(one)).toMatchObject({ state: 'claimed', delivery: 'pending', reward: 'earned' })
    expect(await rowsOf(other)).toMatchObject({ state: 'delivered', delivery: 'success', reward: 'delivered' })
  })
})

describe('the outcome of a reward with its rows in one statement', () => {
  it('shares a commit with others', async () => {
    const { deliveries, start, settle } = await prepared(2)
    const [one, other] = pair(deliveries)
    await Promise.all([start(one), start(other)])
    expect(await Promise.all([settle(one), settle(other)])).toEqual(['settled', 'settled'])
    expect((await rowsOf(one))?.written).toBe((await rowsOf(other))?.written)
  })

  it('that failed is in the reward until one that succeeded', async () => {
    const { deliveries, start, settle } = await prepared(1)
    const [one] = deliveries
    if (one === undefined) throw new Error('There is one.')
    await start(one)
    expect(await settle(one, { ok: false, final: false, reason: 'timeout' })).toBe('settled')
    expect(await userRewardOf(database.sql, one.reward)).toMatchObject({
      status: 'earned',
      delivered_at: null,
      delivery_error: 'Not delivered yet, will be tried again: timeout.',
    })
    const again = await claimedAgain(one)
    await start(again)
    expect(await settle(again)).toBe('settled')
    expect(await userRewardOf(database.sql, one.reward)).toMatchObject({
      status: 'delivered',
      delivered_at: expect.any(Date),
      delivery_error: null,
      delivery_attempts: 2,
    })
  })

  it('waits for a lock of the platform on its reward', async () => {
    const { deliveries, start, settle } = await prepared(1)
    const [one] = deliveries
    if (one === undefined) throw new Error('There is one.')
    await start(one)
    let settling: Promise<unknown> | undefined
    await database.transaction(async (platform) => {
      await platform.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [one.reward.userRewardId])
      settling = settle(one)
      await untilSomebodyWaits(database.sql)
    })
    expect(await settling).toEqual({ note: 'reward-revoked-meanwhile' })
    expect(await rowsOf(one)).toMatchObject({ state: 'delivered', reward: 'revoked' })
  })

  it.each([
    ['revoked', `UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, { note: 'reward-revoked-meanwhile' }],
    ['deleted', 'DELETE FROM user_rewards WHERE id = $1', { note: 'reward-deleted-meanwhile' }],
    ['delivered', `UPDATE user_rewards SET status = 'delivered' WHERE id = $1`, 'settled'],
  ])('has a note where the reward was %s meanwhile, and the others have none', async (_, change, answer) => {
    const { deliveries, start, settle } = await prepared(2)
    const [one, other] = pair(deliveries)
    await Promise.all([start(one), start(other)])
    await database.sql.query(change, [one.reward.userRewardId])
    expect(await Promise.all([settle(one), settle(other)])).toEqual([answer, 'settled'])
    expect(await rowsOf(one)).toMatchObject({ state: 'delivered', delivery: 'success' })
    expect(await rowsOf(other)).toMatchObject({ reward: 'delivered' })
  })

  it.each([
    ['once, and has its note', 1, { note: 'reward-revoked-meanwhile' }],
    ['twice, and has no note', 2, 'settled'],
  ])('is written where the read of notes fails %s', async (_, failures, answer) => {
    const { deliveries, start, settle } = await prepared(2)
    const [one, other] = pair(deliveries)
    await Promise.all([start(one), start(other)])
    await database.sql.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [one.reward.userRewardId])
    let left = failures
    const notes: KindRows['outcome']['notes'] = async (outcomes, read) => {
      if (left-- > 0) throw new Error('The connection was lost.')
      return kindRows.outcome.notes(outcomes, read)
    }
    const rows = { ...kindRows, outcome: { ...kindRows.outcome, notes } }
    expect(await Promise.all([settle(one, ok, rows), settle(other, ok, rows)])).toEqual([answer, 'settled'])
    expect(await rowsOf(one)).toMatchObject({ state: 'delivered', delivery: 'success', reward: 'revoked' })
    expect(await rowsOf(other)).toMatchObject({ state: 'delivered', reward: 'delivered' })
  })

  it('changes no reward when its claim was lost', async () => {
    const { deliveries, start, settle } = await prepared(2)
    const [one, other] = pair(deliveries)
    await Promise.all([start(one), start(other)])
    await database.sql.query(`UPDATE worker.intents SET owner = 'another' WHERE key = $1`, [one.intent.key])
    expect(await Promise.all([settle(one), settle(other)])).toEqual(['lost', 'settled'])
    expect([(await rowsOf(one))?.reward, (await rowsOf(other))?.reward]).toEqual(['earned', 'delivered'])
  })
})

function raise(message: string): never {
  throw new Error(message)
}
