import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openDatabase } from '../../../src/infra/postgres/client/postgres-database.ts'
import type { Database } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { rewardIntent, rewardKinds, createReward, userRewardOf } from './earned-reward.ts'
import { kindStart, prepareOne } from '../../support/prepare-one.ts'

let database: MigratedDatabase
const processes: Database[] = []
beforeAll(async () => {
  database = await migratedDatabase()
  // As processes are to the database: each with connections of its own.
  for (let index = 0; index < 4; index++) {
    processes.push(
      openDatabase({
        connection: { connectionString: database.url },
        max: 5,
        applicationName: `process ${index}`,
        statementTimeoutMs: 30_000,
        connectTimeoutMs: 10_000,
      }),
    )
  }
})
afterAll(async () => {
  await Promise.all(processes.map((one) => one.end()))
  await database.close()
})

it('20 workers of four processes assign 200 codes to 200 rewards, drawn from the same 400', async () => {
  const reward = await createReward(database.sql, { config: { code_template: 'CODE-{random}' } })
  const rest = await database.sql.query<{ id: string }>(
    `INSERT INTO user_rewards (user_id, reward_id, campaign_id, status) SELECT $1, $2, $3, 'earned' FROM generate_series(1, 199) RETURNING id`,
    [reward.userId, reward.rewardId, reward.campaignId],
  )
  const waiting = [reward.userRewardId, ...rest.map(({ id }) => id)]
  let drawn = 0
  const { email } = rewardKinds({
    randomCode: () => {
      drawn++
      return String(randomInt(400))
    },
  })
  const given: unknown[] = []
  async function work(process: Database): Promise<void> {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const intent = rewardIntent(id)
      const started = await process.transaction(async (tx) => {
        const prepared = await prepareOne(email, intent, tx)
        return prepared.is === 'message' ? kindStart(email, intent, prepared.message, tx) : undefined
      })
      given.push(started?.is === 'go' ? started.message.values['reward_code'] : started)
    }
  }
  await Promise.all(processes.flatMap((process) => Array.from({ length: 5 }, () => work(process))))

  expect(given).toHaveLength(200)
  expect(new Set(given).size).toBe(200)
  expect(drawn).toBeGreaterThan(220)
  const stored = await database.sql.query<{ code: string }>(
    `SELECT c.code FROM worker.reward_codes c JOIN user_rewards g ON g.id = c.user_reward_id AND g.reward_data->>'code' = c.code`,
  )
  expect(new Set(stored.map(({ code }) => code))).toEqual(new Set(given))
})

it('the same code may be assigned in another campaign', async () => {
  const once = rewardKinds({ randomCode: () => 'SAME' }).email
  for (let campaign = 0; campaign < 2; campaign++) {
    const reward = await createReward(database.sql, { config: { code_template: '{random}' } })
    const intent = rewardIntent(reward.userRewardId)
    const started = await database.transaction(async (tx) => {
      const prepared = await prepareOne(once, intent, tx)
      return prepared.is === 'message' ? kindStart(once, intent, prepared.message, tx) : undefined
    })
    expect(started).toMatchObject({ is: 'go', message: { values: { reward_code: 'SAME' } } })
  }
})

it('an exhausted generator is an error, and leaves neither code nor attempt', async () => {
  const reward = await createReward(database.sql, { config: { code_template: '{random}' } })
  await database.sql.query(`INSERT INTO worker.reward_codes (campaign_id, code, user_reward_id) VALUES ($1, 'ONLY', gen_random_uuid())`, [
    reward.campaignId,
  ])
  const { email } = rewardKinds({ randomCode: () => 'ONLY' })
  const intent = rewardIntent(reward.userRewardId)
  const starting = database.transaction(async (tx) => {
    const prepared = await prepareOne(email, intent, tx)
    return prepared.is === 'message' ? kindStart(email, intent, prepared.message, tx) : undefined
  })
  await expect(starting).rejects.toThrow('No free reward code after 20 tries.')
  expect(await userRewardOf(database.sql, reward)).toMatchObject({ delivery_attempts: 0, reward_data: {} })
})
