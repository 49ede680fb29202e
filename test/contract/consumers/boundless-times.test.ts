import { afterAll, beforeAll, expect, it } from 'vitest'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import { createMailKind } from '../../../src/consumers/email/mail-kind.ts'
import { everythingGoes } from '../../../src/consumers/mail-rules.ts'
import { createIntentAdmin } from '../../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { createTimelineReader } from '../../../src/infra/postgres/admin/postgres-timeline.ts'
import { explainReward } from '../../../src/admin/explain-event.ts'
import { historySentences } from '../../../src/admin/intents/intent-history.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { insert, rewardIntent, rewardKinds, createReward } from './earned-reward.ts'
import { prepareOne } from '../../support/prepare-one.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

interface Column {
  readonly table: string
  readonly column: string
}

/** All but `deleted_at`, which says by being set that a row is gone. */
async function timeColumns(): Promise<readonly Column[]> {
  return database.sql.query<Column>(
    `SELECT table_name AS table, column_name AS column FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name <> 'deleted_at' AND data_type ~ '^(timestamp|date)'`,
  )
}

const mailKind = createMailKind({
  missingRowWaitMs: 300_000,
  positionMailMaxWaitMs: 0,
  referralLinkTemplate: null,
  rules: everythingGoes,
})

it.each([
  ['infinity', 'message'],
  ['294276-12-31 00:00:00+00', 'message'],
  ['-infinity', 'reward-expired'],
  ['4713-01-01 00:00:00+00 BC', 'reward-expired'],
])('every time column of the platform may contain %s', async (value, reward) => {
  const { sql } = database
  const earned = await createReward(sql)
  const { campaignId, userId } = earned
  await insert(sql, 'email_templates', {
    campaign_id: campaignId,
    name: 'Hello',
    type: 'welcome',
    subject: 'Hello',
    html_body: '<p>Hello</p>',
  })
  const intent = sampleIntent({ campaignId, userId, data: { type: 'welcome' } })
  const [row] = await sql.query<{ id: string }>(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id, user_id, state)
     VALUES ('email-workers', 'mail', 1, 'email', $1, $2, $3, 'sent') RETURNING id`,
    [value, campaignId, userId],
  )
  const log = `md5('email-workers:' || $1)::uuid`
  await sql.query(
    `INSERT INTO email_logs (id, campaign_id, user_id, recipient_email, subject, type, status, sent_at)
     VALUES (${log}, $2, $3, 'ada@example.org', 'Hello', 'welcome', 'sent', now())`,
    [value, campaignId, userId],
  )
  const columns = await timeColumns()
  expect(columns.length).toBeGreaterThan(20)
  for (const { table, column } of columns) {
    await sql.query(`UPDATE ${table} SET "${column}" = '${value}'`)
    const read = await sql.query<{ time: unknown }>(`SELECT "${column}" AS time FROM ${table}`)
    const broken = read.filter(({ time }) => !(time instanceof Date) || Number.isNaN(time.getTime()))
    expect({ table, column, broken }).toEqual({ table, column, broken: [] })
  }

  expect(await prepareOne(mailKind, intent, sql)).toMatchObject({ is: 'message', message: { template: { from: 'campaign' } } })
  const prepared = await prepareOne(rewardKinds().email, rewardIntent(earned.userRewardId), sql)
  expect(prepared.is === 'message' ? prepared.is : 'reason' in prepared && prepared.reason).toBe(reward)
  const history = await createIntentAdmin(database, channelList).history(row?.id ?? '')
  expect(history === null ? [] : historySentences(history).join(' ')).toMatch(/sent at [+-]\d{6}-/)
  const [record] = await createTimelineReader(sql, channelList).rewards({ userRewardId: earned.userRewardId }, 1)
  expect(explainReward(earned.userRewardId, record ?? null, []).join(' ')).toMatch(/[+-]\d{6}-|-004712-/)
})
