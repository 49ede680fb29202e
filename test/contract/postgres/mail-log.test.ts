import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelList, channelNames } from '../../../src/daemon/compose/channels.ts'
import type { ChannelDefinitions } from '../../../src/delivery/define-channel.ts'
import { webhookRetryPolicy } from '../../../src/delivery/webhook/webhook-retry-policy.ts'
import { createIntentAdmin } from '../../../src/infra/postgres/admin/postgres-intent-admin.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { IntentStore, Reply, Settlement } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { claimOne, giveUp, insertIntents, makeDue, request } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
let campaignId: string
let userId: string
const deliveryLog = 'email_logs'
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
  campaignId = await insertCampaign(database.sql)
  userId = await insertUser(database.sql, campaignId)
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, email_logs'))

const envelope = {
  to: 'someone@example.com',
  from: 'campaign@example.com',
  subject: 'Welcome',
  type: 'welcome',
  templateId: null,
  messageId: '<m@example.com>',
}
const body = Buffer.from('mail')
const sent: Settlement = { is: 'final', state: 'sent', reason: null }
const retry: Settlement = { is: 'later', as: 'retry', reason: 'relay-closed', afterMs: 0 }

async function start(intent: Intent, change: Record<string, string | null> = {}) {
  return startOne(store, { intent, state: 'handing_over', leaseMs: 60_000, deliveryLog }, { envelope: { ...envelope, ...change }, body })
}

async function started(key = 'k', change: Record<string, string | null> = {}): Promise<Intent> {
  await insertIntents(database.sql, { key, campaign_id: campaignId, user_id: userId })
  const intent = await claimOne(store)
  expect(await start(intent, change)).toBe('started')
  return intent
}

const settle = (intent: Intent, settlement: Settlement, reply: Reply = {}) => settleOne(store, intent, settlement, { deliveryLog, reply })
const logs = () => database.sql.query<Record<string, unknown>>('SELECT * FROM email_logs')

describe('email_logs', () => {
  it('gets a pending row when the mail is started, from its frozen content', async () => {
    await started()
    expect(await logs()).toMatchObject([
      {
        campaign_id: campaignId,
        user_id: userId,
        template_id: null,
        recipient_email: 'someone@example.com',
        subject: 'Welcome',
        type: 'welcome',
        status: 'pending',
        provider_message_id: null,
        sent_at: null,
      },
    ])
  })

  it('fails when the mail is given up because its destination stays away; sent mails stay sent, and no other log is changed', async () => {
    await settle(await started('sent'), sent)
    await settle(await started('waits'), retry)
    expect(await giveUp(database.sql, store, null)).toEqual(['sent', 'waits'])
    const states = () => database.sql.query('SELECT status, error_message FROM email_logs ORDER BY status')
    expect(await states()).toMatchObject([{ status: 'pending' }, { status: 'sent' }])
    expect(await giveUp(database.sql, store, deliveryLog)).toEqual(['sent', 'waits'])
    expect(await states()).toEqual([
      { status: 'failed', error_message: 'The relay was away for longer than all retries take.' },
      { status: 'sent', error_message: null },
    ])
  })

  it('is shown with an intent whose channel writes it, whatever the name of the channel', async () => {
    const intent = await started()
    await database.sql.query(`UPDATE worker.intents SET channel = 'webhook'`)
    const shown = async (channels: ChannelDefinitions) => (await createIntentAdmin(database, channels).history(intent.id))?.mail
    expect(await shown(channelList)).toBeNull()
    const destinations = { atOnce: 1, failures: 1, sole: null, names: { destination: 'letter box', deliveries: 'letters' } }
    const letters = { name: 'webhook', destinations, retry: webhookRetryPolicy, deliveryLog } as const
    expect(await shown({ ...channelList, webhook: letters })).toMatchObject({ status: 'pending' })
  })

  it('gets a failed row with the reason when the mail is rejected before anything was frozen', async () => {
    await insertIntents(database.sql, { key: 'refused', campaign_id: campaignId, user_id: userId, data: { type: 'welcome' } })
    const refused: Settlement = { is: 'final', state: 'rejected', reason: 'template-error' }
    await settle(await claimOne(store), refused, { error: 'The template does not parse.' })
    const [person] = await database.sql.query<{ email: string }>('SELECT email FROM waitlist_users WHERE id = $1', [userId])
    expect(await logs()).toMatchObject([
      { recipient_email: person?.email, type: 'welcome', status: 'failed', error_message: 'The template does not parse.', sent_at: null },
    ])
  })

  it('uses only types of the platform', async () => {
    for (const type of ['verification', 'position_update', 'reward_earned', 'milestone', 'reward_delivery']) {
      await started(type, { type })
    }
    const types = new Set((await logs()).map((row) => row['type']))
    expect(types).toEqual(new Set(['verification', 'position_update', 'reward_earned', 'milestone', 'custom']))
  })

  it('names the template, unless it was hard-deleted', async () => {
    const templateId = randomUUID()
    await database.sql.query(`INSERT INTO email_templates (id, campaign_id, name, type, subject) VALUES ($1, $2, 'T', 'welcome', 'S')`, [
      templateId,
      campaignId,
    ])
    await started('with', { templateId })
    await started('without', { templateId: randomUUID() })
    expect((await logs()).map((row) => row['template_id'])).toEqual([templateId, null])
  })

  it('records when it was sent and its id', async () => {
    await settle(await started('own'), sent)
    await settle(await started('provider'), sent, { providerId: 'p-1' })
    const rows = await logs()
    expect(rows).toMatchObject([
      { status: 'sent', provider_message_id: '<m@example.com>', error_message: null, failed_at: null },
      { status: 'sent', provider_message_id: 'p-1' },
    ])
    expect(rows[0]?.['sent_at']).toBeInstanceOf(Date)
  })

  it.each(['rejected', 'dead', 'skipped'] as const)('records the failure of a mail that is %s, in our own words', async (state) => {
    await settle(await started(), { is: 'final', state, reason: 'recipient-refused' }, { error: 'The relay refused the recipient.' })
    const [row] = await logs()
    expect(row).toMatchObject({ status: 'failed', error_message: 'The relay refused the recipient.', sent_at: null })
    expect(row?.['failed_at']).toBeInstanceOf(Date)
  })

  it('keeps one row for all attempts, pending with the last error between them', async () => {
    await settle(await started(), retry)
    expect(await logs()).toMatchObject([{ status: 'pending', error_message: 'relay-closed' }])
    await makeDue(database.sql)
    const second = await claimOne(store)
    await start(second)
    await settle(second, { is: 'ambiguous', reason: 'connection-lost', afterMs: 0, hold: false })
    expect(await logs()).toMatchObject([{ status: 'pending', error_message: 'connection-lost' }])
    await makeDue(database.sql)
    const third = await claimOne(store)
    await start(third)
    await settle(third, sent)
    expect(await logs()).toMatchObject([{ status: 'sent', error_message: null }])
  })

  it('makes a failed row pending again when the mail is retried', async () => {
    await settle(await started(), { is: 'final', state: 'rejected', reason: 'recipient-refused' })
    await database.sql.query(`UPDATE worker.intents SET state = 'pending', finished_at = NULL`)
    await start(await claimOne(store))
    expect(await logs()).toMatchObject([{ status: 'pending', failed_at: null, error_message: null }])
  })

  it('never overwrites what the provider reported to the platform', async () => {
    const intent = await started()
    await database.sql.query(`UPDATE email_logs SET status = 'opened'`)
    await settle(intent, sent)
    expect(await logs()).toMatchObject([{ status: 'opened', provider_message_id: '<m@example.com>' }])
  })

  it('writes many rows at once, and a mail to an unknown person does not fail the others', async () => {
    await insertIntents(
      database.sql,
      ...['a', 'b', 'c'].map((key) => ({ key, campaign_id: campaignId, user_id: key === 'b' ? randomUUID() : userId })),
    )
    const intents = await store.claim(request())
    const results = await Promise.allSettled(intents.map((intent) => start(intent)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await logs()).toHaveLength(2)
  })

  it('has no rows of mails that were never started', async () => {
    await insertIntents(database.sql, { key: 'k', campaign_id: campaignId, user_id: userId })
    expect(await settle(await claimOne(store), { is: 'final', state: 'skipped', reason: 'person-blocked' })).toBe('settled')
    await insertIntents(database.sql, { key: 'm', campaign_id: campaignId, user_id: userId })
    expect(await settle(await claimOne(store), { is: 'moved', channel: 'webhook' })).toBe('settled')
    expect(await logs()).toEqual([])
  })
})
