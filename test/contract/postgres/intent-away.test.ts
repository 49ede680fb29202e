import { afterAll, beforeAll, expect, it } from 'vitest'
import { channelList, channelNames } from '../../../src/daemon/compose/channels.ts'
import { createIntentAdmin } from '../../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { emailRetryPolicy } from '../../../src/delivery/email/email-retry-policy.ts'
import { BreakerRecord } from '../../../src/delivery/breaker-history.ts'
import { intentSentence } from '../../../src/admin/explain-event.ts'
import { historySentences } from '../../../src/admin/intents/intent-history.ts'
import { Platform } from '../../support/platform.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertIntents } from './intent-rows.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

it('the report of waiting intents names a destination with an open breaker and since when, without path, query or user of its URL', async () => {
  const platform = new Platform(database.sql)
  const endpoint = await platform.webhook(await platform.campaign(), 'https://user:word@hooks.example.com:8443/token?key=1', 'whsec_MTIz')
  const record = new BreakerRecord(createIntentStore(database, { channels: channelNames }))
  const open = { is: 'breaker', state: 'open', retryInMs: 1_000 } as const
  record.observe({ ...open, channel: 'webhook', destination: endpoint, reason: 'timeout' })
  record.observe({ ...open, channel: 'email', destination: 'relay', reason: 'timeout-greeting' })
  record.observe({ ...open, channel: 'leaderboard', destination: 'crm', reason: 'status-503' })
  await record.write()
  const rewards = { channel: 'webhook', destination: endpoint }
  await insertIntents(database.sql, { key: 'reward', ...rewards, reason: 'endpoint-open' })
  await insertIntents(database.sql, { key: 'mail', channel: 'email' })
  await insertIntents(database.sql, { key: 'other', ...rewards, destination: crypto.randomUUID() })
  await insertIntents(database.sql, { key: 'done', ...rewards, state: 'delivered', finished_at: new Date() })
  await insertIntents(database.sql, { key: 'contact', channel: 'leaderboard' })
  const names = { destination: "partner's CRM", deliveries: 'contacts' }
  const admin = createIntentAdmin(database, {
    ...channelList,
    // Defined as a channel that sends: everything said about it comes from its definition.
    leaderboard: {
      name: 'leaderboard',
      destinations: { atOnce: 1, failures: 1, sole: 'crm', names },
      retry: emailRetryPolicy,
      deliveryLog: null,
    },
  })
  const rows = await database.sql.query<{ id: string; key: string }>('SELECT id, key FROM worker.intents')
  const reported = new Map<string, string>()
  for (const { id, key } of rows) {
    const history = await admin.history(id)
    if (history === null) throw new Error('no history')
    const sentence = intentSentence(history)
    reported.set(key, sentence)
    expect(historySentences(history).join(' ')).toContain(sentence.split('Z. ')[1] ?? '')
  }
  const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`
  expect(reported.get('reward')).toMatch(
    new RegExp(
      ` Endpoint ${endpoint} at https://hooks\\.example\\.com:8443 accepts no rewards \\(timeout\\), its breaker is open since ${time}: `,
    ),
  )
  expect(reported.get('mail')).toMatch(
    new RegExp(` The SMTP relay accepts no mails \\(timeout-greeting\\), its breaker is open since ${time}: `),
  )
  expect(reported.get('contact')).toMatch(
    new RegExp(` The partner's CRM accepts no contacts \\(status-503\\), its breaker is open since ${time}: `),
  )
  expect(reported.get('other')).not.toContain('breaker')
  expect(reported.get('done')).not.toContain('breaker')
  expect([...reported.values()].join(' ')).not.toMatch(/token|key=|word@/)
})
