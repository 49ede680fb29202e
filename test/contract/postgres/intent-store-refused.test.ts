import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { IntentStore, Settlement, StartRequest } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { claimOne, insertIntents, makeDue, request, rowOf } from './intent-rows.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
let campaignId: string
let userId: string
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
  campaignId = await insertCampaign(database.sql)
  userId = await insertUser(database.sql, campaignId)
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.suppressions, email_logs'))

const sent: Settlement = { is: 'final', state: 'sent', reason: null }
const leaseMs = 60_000

async function claimed(...keys: readonly string[]): Promise<readonly Intent[]> {
  await insertIntents(database.sql, ...keys.map((key) => ({ key, campaign_id: campaignId, user_id: userId })))
  return store.claim(request())
}

async function start(intent: Intent): Promise<'started' | 'lost'> {
  const starting: Omit<StartRequest, 'frozen'> = { intent, state: 'handing_over', leaseMs, deliveryLog: 'email_logs' }
  const envelope = { to: 'ann@example.org', subject: intent.key, type: 'welcome', messageId: `<${intent.id}@example.com>` }
  return startOne(store, starting, { envelope, body: Buffer.of(1) })
}

/** The platform refuses some rows of `email_logs` for as long as `work` lasts. */
async function refusing(rule: string, work: () => Promise<void>): Promise<void> {
  await database.sql.query(`ALTER TABLE email_logs ADD CONSTRAINT house_rule CHECK (${rule}) NOT VALID`)
  try {
    await work()
  } finally {
    await database.sql.query('ALTER TABLE email_logs DROP CONSTRAINT house_rule')
  }
}

test('a start that the platform rejects affects no others of its batch, and names the table', async () => {
  const intents = await claimed('a', 'bad', 'c')
  await refusing(`subject <> 'bad'`, async () => {
    const starts = await Promise.allSettled(intents.map(start))
    expect(starts.map((one) => (one.status === 'fulfilled' ? one.value : one.reason))).toMatchObject([
      'started',
      { state: '23514', constraint: 'house_rule', table: 'email_logs' },
      'started',
    ])
  })
})

test('a rejected start counts as an attempt, with the rejected table beside the reason', async () => {
  const [intent] = await claimed('k')
  if (intent === undefined) throw new Error('nothing was claimed')
  const refused: Settlement = { is: 'later', as: 'refused', reason: 'start-refused', afterMs: 30_000 }
  expect(await settleOne(store, intent, refused, { deliveryLog: 'email_logs', reply: {}, detail: 'SQLSTATE 23514' })).toBe('settled')
  const row = await rowOf(database.sql, 'k')
  expect(row).toMatchObject({
    state: 'pending',
    attempt: 1,
    reason: 'start-refused',
    detail: 'SQLSTATE 23514',
    owner: null,
    waiting_since: null,
  })
  await makeDue(database.sql)
  const again = await claimOne(store)
  await start(again)
  expect(await settleOne(store, again, sent, { deliveryLog: 'email_logs', reply: {} })).toBe('settled')
  expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'sent', attempt: 2, reason: null, detail: null })
})

test('an outcome that the platform rejects is written without its tables: the state, and a suppression if there is one', async () => {
  const intents = await claimed('a', 'bad')
  await Promise.all(intents.map(start))
  const rejected: Settlement = { is: 'final', state: 'rejected', reason: 'recipient-refused' }
  await refusing(`status <> 'failed' OR subject <> 'bad'`, async () => {
    const ends = await Promise.allSettled(
      intents.map((intent) => settleOne(store, intent, rejected, { deliveryLog: 'email_logs', reply: {} })),
    )
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await database.sql.query('TRUNCATE worker.suppressions')
    const [, bad] = intents
    if (bad === undefined) throw new Error('two were claimed')
    const ownTablesOnly = { deliveryLog: 'email_logs', reply: {}, detail: 'refused', ownTablesOnly: true } as const
    expect(await settleOne(store, bad, rejected, ownTablesOnly)).toBe('settled')
  })
  expect(await rowOf(database.sql, 'bad')).toMatchObject({ state: 'rejected', reason: 'recipient-refused', detail: 'refused' })
  expect(await database.sql.query('SELECT reason FROM worker.suppressions')).toEqual([{ reason: 'bounced' }])
  expect(await database.sql.query('SELECT subject, status FROM email_logs ORDER BY 1')).toEqual([
    { subject: 'a', status: 'failed' },
    { subject: 'bad', status: 'pending' },
  ])
})

test('a lease is renewed only for the owner of the claim', async () => {
  const [one, two, three] = await claimed('one', 'two', 'three')
  if (one === undefined || two === undefined || three === undefined) throw new Error('three were claimed')
  await start(one)
  await database.sql.query(`UPDATE worker.intents SET lease_until = now() + interval '1 second'`)
  const stranger = { ...two.claim, claims: 7 }
  await Promise.all([store.renew(one.claim, leaseMs), store.renew(stranger, leaseMs)])
  const left = await database.sql.query<{ key: string; renewed: boolean }>(
    `SELECT key, lease_until > now() + interval '30 seconds' AS renewed FROM worker.intents ORDER BY id`,
  )
  expect(left.map(({ renewed }) => renewed)).toEqual([true, false, false])
})

test('a mail in doubt is not due while its worker still has to record the reply', async () => {
  const [intent] = await claimed('k')
  if (intent === undefined) throw new Error('nothing was claimed')
  await start(intent)
  await database.sql.query(`UPDATE worker.intents SET lease_until = now() - interval '1 second'`)
  await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
  expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'ambiguous', lease_until: null })
  await store.renew(intent.claim, leaseMs)
  expect(await store.claim(request({ owner: 'two' }))).toEqual([])
  expect(await settleOne(store, intent, sent, { deliveryLog: 'email_logs', reply: {} })).toBe('settled')
  expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'sent', ambiguous: 1 })
})
