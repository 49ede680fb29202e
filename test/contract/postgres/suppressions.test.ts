import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore, Settlement } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { unsubscribe } from '../../../src/infra/postgres/admin/unsubscribe.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { claimOne, insertIntents, request } from './intent-rows.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

const deliveryLog = 'email_logs'
let database: MigratedDatabase
let store: IntentStore
let campaignId: string
let accountId: string
let userId: string
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
  campaignId = await insertCampaign(database.sql)
  userId = await insertUser(database.sql, campaignId)
  const [row] = await database.sql.query<{ account_id: string }>('SELECT account_id FROM campaigns WHERE id = $1', [campaignId])
  accountId = row?.account_id ?? ''
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.suppressions, email_logs'))

const hash = (address: string) => createHash('sha256').update(address.toLowerCase()).digest()
const rows = () =>
  database.sql.query<{ account_id: string; address_hash: Buffer; reason: string }>(
    'SELECT account_id, address_hash, reason FROM worker.suppressions ORDER BY address_hash',
  )

/** A mail to each of these, handed over and ended in one statement. */
async function reservation(settlement: Settlement, ...to: readonly Record<string, string>[]): Promise<void> {
  await insertIntents(database.sql, ...to.map(() => ({ key: randomUUID(), campaign_id: campaignId, user_id: userId })))
  const intents = await store.claim(request())
  expect(intents).toHaveLength(to.length)
  const envelope = { from: 'a@example.com', subject: 'S', type: 'welcome', templateId: null, messageId: '<m@example.com>' }
  await Promise.all(
    intents.map((intent, index) =>
      startOne(
        store,
        { intent, state: 'handing_over', leaseMs: 60_000, deliveryLog },
        { envelope: { ...envelope, ...to[index] }, body: Buffer.from('m') },
      ),
    ),
  )
  const ends = intents.map((intent) => settleOne(store, intent, settlement, { deliveryLog, reply: {} }))
  expect(await Promise.all(ends)).toEqual(intents.map(() => 'settled'))
}

const refused: Settlement = { is: 'final', state: 'rejected', reason: 'recipient-refused' }

describe('the hash of an address', () => {
  it('can be computed by any client of the database and any program', async () => {
    expect(await database.sql.query(`SELECT worker.address_hash('Guest@Example.COM') AS hash, worker.address_hash(NULL) AS none`)).toEqual([
      { hash: hash('guest@example.com'), none: null },
    ])
  })
})

describe('a recipient that the relay rejects', () => {
  it('is suppressed for the account by the statement that finishes the mail, once', async () => {
    await reservation(refused, { to: 'Gone@example.com' })
    const expected = [{ account_id: accountId, address_hash: hash('gone@example.com'), reason: 'bounced' }]
    expect(await rows()).toEqual(expected)
    await reservation(refused, { to: 'gone@example.com' }, { to: 'GONE@example.com' })
    expect(await rows()).toEqual(expected)
  })

  it('is suppressed in the platform’s spelling of the address, too', async () => {
    await reservation(refused, { to: 'gone@xn--bcher-kva.example', address: 'gone@b\u00fccher.example' })
    const hashes = (await rows()).map((row) => row.address_hash.toString('hex'))
    expect(new Set(hashes)).toEqual(
      new Set([hash('gone@xn--bcher-kva.example'), hash('gone@b\u00fccher.example')].map((one) => one.toString('hex'))),
    )
  })

  it('is not suppressed by a worker that has lost the claim', async () => {
    await insertIntents(database.sql, { key: 'k', campaign_id: campaignId, user_id: userId })
    const intent = await claimOne(store)
    await database.sql.query(`UPDATE worker.intents SET claims = claims + 1`)
    expect(await settleOne(store, intent, refused, { deliveryLog, reply: {} })).toBe('lost')
    expect(await rows()).toEqual([])
  })

  it.each<Settlement>([
    { is: 'final', state: 'sent', reason: null },
    { is: 'final', state: 'rejected', reason: 'message-refused' },
    { is: 'final', state: 'rejected', reason: 'sender-refused' },
    { is: 'final', state: 'dead', reason: 'recipient-deferred' },
    { is: 'later', as: 'retry', reason: 'recipient-deferred', afterMs: 1_000 },
    { is: 'ambiguous', reason: 'deadline', afterMs: 1_000, hold: false },
  ])('is distinct from %o', async (settlement) => {
    await reservation(settlement, { to: 'fine@example.com' })
    expect(await rows()).toEqual([])
  })
})

describe('unsubscribing', () => {
  it('is recorded once per account and address, beside a bounce', async () => {
    await reservation(refused, { to: 'guest@example.com' })
    expect(await unsubscribe(database.sql, { accountId, address: 'Guest@example.com' })).toBe('recorded')
    expect(await unsubscribe(database.sql, { accountId, address: 'guest@example.com' })).toBe('recorded')
    expect((await rows()).map(({ reason }) => reason).sort()).toEqual(['bounced', 'unsubscribed'])
    expect((await rows()).every(({ address_hash }) => address_hash.equals(hash('guest@example.com')))).toBe(true)
  })

  it('needs an account that exists', async () => {
    expect(await unsubscribe(database.sql, { accountId: randomUUID(), address: 'guest@example.com' })).toBe('unknown-account')
    expect(await rows()).toEqual([])
  })
})

describe('the query of suppressions', () => {
  it('uses the primary key, whether the table was empty when it was planned or is large', async () => {
    const statement = `SELECT reason FROM worker.suppressions s WHERE s.account_id = $1 AND s.address_hash = worker.address_hash($2)`
    const planOf = async () => {
      const plan = await database.sql.query<Record<string, string>>(`EXPLAIN (GENERIC_PLAN) ${statement}`)
      return plan.map((row) => row['QUERY PLAN']).join('\n')
    }
    expect(await planOf()).toMatch(/Index (Only )?Scan using suppressions_pkey|Bitmap Index Scan on suppressions_pkey/)
  })
})
