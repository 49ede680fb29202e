import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { recordEach, type RecordOutcomes } from '../../../src/model/intent-kind.ts'
import type { IntentStore, Settlement } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { claimOne, endLeases, insertIntents, makeDue, request, rowOf } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
  await database.sql.query('CREATE TABLE notes (note text)')
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, email_logs, notes'))

const quiet = { deliveryLog: null, reply: {} }
const sent: Settlement = { is: 'final', state: 'sent', reason: null }
const ambiguous: Settlement = { is: 'ambiguous', reason: 'connection-lost', afterMs: 60_000, hold: false }
const later = (as: 'waiting' | 'retry' | 'uncounted', reason: string, afterMs = 60_000): Settlement => ({
  is: 'later',
  as,
  reason,
  afterMs,
})

/** An intent that is being handed over. */
async function underway(row: Record<string, unknown> = {}): Promise<Intent> {
  await insertIntents(database.sql, { key: 'k', ...row })
  const intent = await claimOne(store)
  await begin(intent)
  return intent
}

async function begin(intent: Intent): Promise<void> {
  const start = { intent, state: 'handing_over', leaseMs: 60_000, deliveryLog: null } as const
  expect(await startOne(store, start, { envelope: {}, body: Buffer.of(1) })).toBe('started')
}

async function claimAgain(owner: string): Promise<Intent> {
  await makeDue(database.sql)
  return claimOne(store, { owner })
}

const ended = (record: RecordOutcomes) => ({ ...quiet, kindOutcome: { outcome: { ok: true, final: true, reason: null }, record } })
const broken: RecordOutcomes = async (ends, tx) => {
  await tx.query('SELECT 1/0')
  return ends.map(() => undefined)
}

const note = (text: string) =>
  recordEach(async (_intent, _end, tx) => {
    await tx.query('INSERT INTO notes VALUES ($1)', [text])
    return { note: text }
  })

describe('settle', () => {
  it.each(['sent', 'delivered', 'skipped', 'dead', 'rejected'] as const)('finishes an intent as %s', async (state) => {
    const intent = await underway()
    expect(await settleOne(store, intent, { is: 'final', state, reason: 'why' }, quiet)).toBe('settled')
    const row = await rowOf(database.sql, 'k')
    expect(row).toMatchObject({ state, reason: 'why', owner: null, lease_until: null, attempt: 1 })
    expect(row.finished_at).toBeInstanceOf(Date)
    // Whatever an operator can retry goes out with the same bytes.
    expect(row.body).toEqual(state === 'sent' || state === 'delivered' ? null : Buffer.of(1))
  })

  it('makes a retry due later, without a waiting reason', async () => {
    const intent = await underway()
    expect(await settleOne(store, intent, later('retry', 'refused-for-now'), quiet)).toBe('settled')
    const row = await rowOf(database.sql, 'k')
    expect(row).toMatchObject({
      state: 'pending',
      reason: 'refused-for-now',
      owner: null,
      attempt: 1,
      waiting_since: null,
      finished_at: null,
    })
    expect(row.due_at.getTime()).toBeGreaterThan(Date.now() + 30_000)
  })

  it('does not count an attempt that did not reach the other side', async () => {
    const intent = await underway({ attempt: 3 })
    expect(await settleOne(store, intent, later('uncounted', 'relay-closed'), quiet)).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'pending', reason: 'relay-closed', attempt: 3 })
  })

  it('keeps the begin of a wait for the same reason, and starts again for another reason', async () => {
    await insertIntents(database.sql, { key: 'k' })
    await settleOne(store, await claimOne(store), later('waiting', 'awaiting-row'), quiet)
    const first = await rowOf(database.sql, 'k')
    expect(first).toMatchObject({ state: 'pending', reason: 'awaiting-row', attempt: 0 })
    expect(first.waiting_since).toBeInstanceOf(Date)

    await settleOne(store, await claimAgain('two'), later('waiting', 'awaiting-row'), quiet)
    expect((await rowOf(database.sql, 'k')).waiting_since).toEqual(first.waiting_since)

    await settleOne(store, await claimAgain('three'), later('waiting', 'awaiting-recalculation'), quiet)
    expect((await rowOf(database.sql, 'k')).waiting_since?.getTime()).toBeGreaterThan(first.waiting_since?.getTime() ?? Infinity)
  })

  it('moves an intent to another channel, due now', async () => {
    await insertIntents(database.sql, { key: 'k', waiting_since: new Date(), reason: 'awaiting-row' })
    expect(await settleOne(store, await claimOne(store), { is: 'moved', channel: 'webhook' }, quiet)).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({
      channel: 'webhook',
      state: 'pending',
      reason: null,
      waiting_since: null,
      attempt: 0,
    })
    expect(await store.claim(request({ channel: 'webhook' }))).toHaveLength(1)
  })

  it('succeeds only for the owner of the claim', async () => {
    const intent = await underway()
    for (const claim of [
      { ...intent.claim, owner: 'two' },
      { ...intent.claim, claims: 2 },
      { ...intent.claim, id: '0' },
    ]) {
      expect(await settleOne(store, { ...intent, claim }, sent, quiet)).toBe('lost')
    }
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'handing_over' })
    expect(await settleOne(store, intent, sent, quiet)).toBe('settled')
    expect(await settleOne(store, intent, later('retry', 'r'), quiet)).toBe('lost')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'sent' })
  })

  it.each([
    ['sent', sent, false],
    ['held back', later('retry', 'r'), true],
  ] as const)('keeps the content of a mail with its envelope until it is %s', async (_, settlement, kept) => {
    await insertIntents(database.sql, { key: 'k' })
    const intent = await claimOne(store)
    const envelope = { to: 'someone@example.com', content: { template: 'h', values: { first_name: 'Ann' } } }
    expect(await startOne(store, { intent, state: 'handing_over', leaseMs: 60_000, deliveryLog: null }, { envelope, body: null })).toBe(
      'started',
    )
    await settleOne(store, intent, settlement, quiet)
    expect((await rowOf(database.sql, 'k')).envelope).toEqual(kept ? envelope : { to: 'someone@example.com' })
    await database.sql.query(`UPDATE worker.intents SET state = 'pending', due_at = now()`)
    expect((await claimOne(store)).frozen).toEqual(kept ? { envelope, body: null } : null)
  })

  it('is lost after the lease has been taken back', async () => {
    await insertIntents(database.sql, { key: 'k' })
    const intent = await claimOne(store)
    await endLeases(database.sql)
    await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
    expect(await settleOne(store, intent, sent, quiet)).toBe('lost')
  })

  it('writes many in one transaction, returns results in their order, and a bad one fails alone; the delivery log follows only claims of its own', async () => {
    const campaignId = await insertCampaign(database.sql)
    const person = { campaign_id: campaignId, user_id: await insertUser(database.sql, campaignId) }
    await insertIntents(database.sql, ...Array.from({ length: 30 }, (_, index) => Object.assign({ key: `${index}` }, person)))
    const intents = await store.claim(request())
    const deliveryLog = 'email_logs'
    const start = (intent: Intent) =>
      startOne(
        store,
        { intent, state: 'handing_over', leaseMs: 60_000, deliveryLog },
        { envelope: { to: 'someone@example.com', subject: intent.key, type: 'welcome', messageId: '<m@example.com>' }, body: Buffer.of(1) },
      )
    expect(new Set(await Promise.all(intents.map(start)))).toEqual(new Set(['started']))
    await database.sql.query(`UPDATE worker.intents SET owner = 'two' WHERE key = '7'`)

    const most = intents.filter(({ key }) => key !== '8' && key !== '9')
    const results = await store.settle(most.map((intent) => ({ intent, settlement: sent, deliveryLog, reply: { providerId: intent.key } })))
    expect(results).toEqual(most.map(({ key }) => ({ status: 'fulfilled', value: key === '7' ? 'lost' : 'settled' })))
    const written = await database.sql.query<{ subject: string; provider: string; xid: string }>(
      `SELECT subject, provider_message_id AS provider, xmin::text AS xid FROM email_logs WHERE status = 'sent'`,
    )
    expect(written).toHaveLength(27)
    expect(written.every(({ subject, provider }) => subject === provider && subject !== '7')).toBe(true)
    const moved = await database.sql.query<{ xid: string }>(`SELECT xmin::text AS xid FROM worker.intents WHERE state = 'sent'`)
    expect(new Set([...written, ...moved].map(({ xid }) => xid)).size).toBe(1)

    // No text takes a NUL.
    const two = intents.filter(({ key }) => key === '8' || key === '9')
    const both = await store.settle(
      two.map((intent) => ({ intent, settlement: sent, deliveryLog, reply: intent.key === '9' ? { providerId: '\0' } : {} })),
    )
    expect(both.map(({ status }) => status)).toEqual(two.map(({ key }) => (key === '9' ? 'rejected' : 'fulfilled')))
    expect(await rowOf(database.sql, '9')).toMatchObject({ state: 'handing_over' })
    expect(await rowOf(database.sql, '8')).toMatchObject({ state: 'sent' })
  })

  it('writes the rows of its kind in the same transaction, after the check of the claim', async () => {
    const intent = await underway()
    await expect(settleOne(store, intent, sent, ended(broken))).rejects.toMatchObject({ state: '22012' })
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'handing_over' })

    expect(await settleOne(store, intent, sent, ended(note('ours')))).toEqual({ note: 'ours' })
    expect(await settleOne(store, intent, sent, ended(note('lost')))).toBe('lost')
    expect(await database.sql.query('SELECT note FROM notes')).toEqual([{ note: 'ours' }])
  })

  it('shares a transaction among outcomes of one kind; one with rejected rows, or a lost claim, affects no others', async () => {
    const keys = ['1', '2', 'bad', '4', 'lost']
    await insertIntents(database.sql, ...keys.map((key) => ({ key })))
    const intents = await store.claim(request())
    await database.sql.query(`UPDATE worker.intents SET owner = 'two' WHERE key = 'lost'`)
    const blocks: string[] = []
    const record: RecordOutcomes = async (ends, tx) => {
      blocks.push(ends.map(({ intent }) => intent.key).join())
      const rows = ends.map(({ intent, outcome }) => `${intent.key} ${outcome.reason}`)
      await tx.query('INSERT INTO notes SELECT 1 / (note NOT LIKE $2)::int || note FROM unnest($1::text[]) AS s (note)', [rows, 'bad%'])
      return ends.map(({ intent }) => (intent.key === '2' ? { note: 'two' } : undefined))
    }
    const settled = await store.settle(
      intents.map((intent) => ({
        ...quiet,
        intent,
        settlement: sent,
        kindOutcome: { outcome: { ok: true, final: true, reason: `reason of ${intent.key}` }, record },
      })),
    )
    const results = new Map(settled.map((result, index) => [intents[index]?.key, result]))
    expect(blocks[0]?.split(',').toSorted()).toEqual(['1', '2', '4', 'bad'])
    expect(results.get('1')).toEqual({ status: 'fulfilled', value: 'settled' })
    expect(results.get('2')).toEqual({ status: 'fulfilled', value: { note: 'two' } })
    expect(results.get('bad')).toMatchObject({ status: 'rejected', reason: { state: '22012' } })
    expect(results.get('lost')).toEqual({ status: 'fulfilled', value: 'lost' })
    expect((await database.sql.query<{ note: string }>('SELECT note FROM notes ORDER BY note')).map(({ note }) => note)).toEqual([
      '11 reason of 1',
      '12 reason of 2',
      '14 reason of 4',
    ])
  })
})

describe('an ambiguous outcome', () => {
  it('is retried once and then held', async () => {
    const intent = await underway()
    expect(await settleOne(store, intent, ambiguous, quiet)).toBe('settled')
    const row = await rowOf(database.sql, 'k')
    expect(row).toMatchObject({ state: 'ambiguous', ambiguous: 1, reason: 'connection-lost', finished_at: null })
    expect(row.due_at.getTime()).toBeGreaterThan(Date.now() + 30_000)

    const second = await claimAgain('two')
    expect(second.ambiguous).toBe(1)
    await begin(second)
    expect(await settleOne(store, second, ambiguous, quiet)).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'held', ambiguous: 2, attempt: 2 })
    await makeDue(database.sql)
    expect(await store.claim(request())).toEqual([])
  })

  it('is held at once with the policy hold', async () => {
    const intent = await underway()
    await settleOne(store, intent, { ...ambiguous, hold: true }, quiet)
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'held', ambiguous: 1, body: Buffer.of(1) })
  })

  it.each([false, true])('becomes sent by the late result of its worker (hold: %s)', async (hold) => {
    const intent = await underway()
    await endLeases(database.sql)
    await store.expireLeases({ hold, ambiguousRetryMs: 60_000 })
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: hold ? 'held' : 'ambiguous' })
    expect(await settleOne(store, intent, sent, quiet)).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'sent', ambiguous: 1, owner: null })
  })

  it('no longer belongs to its first worker once another has claimed it', async () => {
    const intent = await underway()
    await endLeases(database.sql)
    await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
    const second = await claimAgain('two')
    expect(await settleOne(store, intent, sent, quiet)).toBe('lost')
    await begin(second)
    expect(await settleOne(store, second, sent, quiet)).toBe('settled')
  })

  it('counts a doubtful attempt once, whichever process detects it first, and not if nothing was sent', async () => {
    const intent = await underway()
    await endLeases(database.sql)
    await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
    expect(await settleOne(store, intent, ambiguous, quiet)).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'ambiguous', ambiguous: 1 })
    expect(await settleOne(store, intent, later('retry', 'never-sent'), quiet)).toBe('settled')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'pending', ambiguous: 0 })
  })
})
