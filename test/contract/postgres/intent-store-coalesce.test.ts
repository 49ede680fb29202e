import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Intent, IntentDraft } from '../../../src/model/intent.ts'
import type { IntentStore, Settlement } from '../../../src/delivery/intent-store.ts'
import { recordEach } from '../../../src/model/intent-kind.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { campaignId, claimOne, endLeases, insertIntents, makeDue, rowOf } from './intent-rows.ts'
import { untilSomebodyWaits } from './lock-wait.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { settleOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents'))

const quiet = { deliveryLog: null, reply: {} }
const done: Settlement = { is: 'final', state: 'delivered', reason: null }
const wait: Settlement = { is: 'later', as: 'waiting', reason: 'campaign-locked', afterMs: 1_000 }
const key = 'recalculate:a'
const request = () => insertIntents(database.sql, { key, coalesce: true, data: { n: 1 } })
const kindOutcome = { outcome: { ok: true, final: true, reason: null }, record: recordEach(async () => undefined) }
const count = () => database.sql.query('SELECT FROM worker.intents').then((rows) => rows.length)

/** Each way back to pending. */
const waysBack: readonly [string, (intent: Intent) => Promise<unknown>][] = [
  ['released', (intent) => store.release([intent.claim])],
  ['settled to wait', (intent) => settleOne(store, intent, wait, quiet)],
  ['settled with rows of its kind', (intent) => settleOne(store, intent, wait, { ...quiet, kindOutcome })],
  ['transacted to wait', (intent) => store.transact(intent, 1_000, async () => ({ result: 'waits', settlement: wait }))],
  [
    'expired',
    async () => {
      await endLeases(database.sql)
      expect(await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })).toEqual({ reclaimed: 1, ambiguous: 0 })
    },
  ],
]

describe('a coalesced intent', () => {
  it('merges requests while it is pending, and a new one is created once it is claimed', async () => {
    await request()
    await expect(request()).rejects.toMatchObject({ constraint: 'intents_coalesced' })
    await claimOne(store)
    await request()
    expect(await count()).toBe(2)
  })

  it('is deleted when it is finished', async () => {
    await request()
    expect(await settleOne(store, await claimOne(store), done, quiet)).toBe('settled')
    expect(await count()).toBe(0)
  })

  it.each(waysBack)('returns unchanged when it is %s', async (_, goBack) => {
    await request()
    const before = await rowOf(database.sql, key)
    const intent = await claimOne(store)
    await goBack(intent)
    const after = await rowOf(database.sql, key)
    expect(after).toMatchObject({ id: before.id, state: 'pending', owner: null, lease_until: null, claims: 1, attempt: 0, data: { n: 1 } })
    expect(after.created_at).toEqual(before.created_at)
    expect(await settleOne(store, intent, done, quiet)).toBe('lost')
    await makeDue(database.sql)
    expect((await claimOne(store)).claim.claims).toBe(2)
  })

  it.each(waysBack)('gives way to a newer request when it is %s', async (_, goBack) => {
    await request()
    const intent = await claimOne(store)
    await request()
    await goBack(intent)
    expect((await rowOf(database.sql, key)).id).not.toBe(intent.id)
  })

  it('waits for a request that is being written concurrently, and gives way to it', async () => {
    await request()
    const intent = await claimOne(store)
    let settling: Promise<unknown> = Promise.resolve()
    await database.transaction(async (tx) => {
      await insertIntents(tx, { key, coalesce: true })
      settling = settleOne(store, intent, wait, quiet)
      await untilSomebodyWaits(database.sql)
    })
    expect(await settling).toBe('settled')
    expect((await rowOf(database.sql, key)).id).not.toBe(intent.id)
  })
})

const draft = (change: Partial<IntentDraft>): IntentDraft => ({
  kind: 'mail',
  version: 1,
  channel: 'email',
  key: 'page-mail',
  campaignId,
  data: {},
  ...change,
})

const mustNotRun = () => Promise.reject(new Error('work must not run'))

describe('transact', () => {
  it('commits the work, its drafts, its cursor and its outcome together', async () => {
    const eventId = '00000000-0000-4000-8000-0000000000ee'
    await insertIntents(
      database.sql,
      { key: 'broadcast', event_id: eventId, event_at: new Date(5) },
      { key: 'spent', state: 'skipped', due_at: new Date() },
    )
    const intent = await claimOne(store)
    const result = await store.transact(intent, 1_000, async (tx) => {
      await expect(database.sql.query('SELECT FROM worker.intents WHERE id = $1 FOR UPDATE NOWAIT', [intent.id])).rejects.toMatchObject({
        state: '55P03',
      })
      await tx.query(`UPDATE worker.intents SET destination = 'worked' WHERE id = $1`, [intent.id])
      return {
        result: 42,
        settlement: { is: 'later', as: 'waiting', reason: 'next-page', afterMs: 0 },
        data: { cursor: 7 },
        drafts: [
          draft({ key: 'b', class: 'broadcast', userId: eventId, data: { type: 'milestone' } }),
          draft({ key: 'a' }),
          draft({ key: 'spent' }),
          draft({ key: 'a' }),
        ],
      }
    })
    expect(result).toBe(42)
    expect(await rowOf(database.sql, 'broadcast')).toMatchObject({
      state: 'pending',
      data: { cursor: 7 },
      attempt: 0,
      destination: 'worked',
    })
    expect(await rowOf(database.sql, 'a')).toMatchObject({ state: 'pending', class: 'live', event_id: eventId, event_at: new Date(5) })
    expect(await rowOf(database.sql, 'b')).toMatchObject({ class: 'broadcast', data: { type: 'milestone' }, user_id: eventId })
    expect(await rowOf(database.sql, 'spent')).toMatchObject({ state: 'skipped' })
  })

  it('commits nothing of work that throws, but counts the attempt', async () => {
    await insertIntents(database.sql, { key: 'k' })
    const intent = await claimOne(store, { leaseMs: 100 })
    const broken = store.transact(intent, 60_000, async (tx) => {
      await tx.query(`UPDATE worker.intents SET destination = 'worked'`)
      throw new Error('broken')
    })
    await expect(broken).rejects.toThrow('broken')
    const row = await rowOf(database.sql, 'k')
    expect(row).toMatchObject({ state: 'claimed', destination: null, attempt: 1 })
    expect(row.lease_until?.getTime()).toBeGreaterThan(Date.now() + 30_000)
    expect(await settleOne(store, intent, { is: 'later', as: 'retry', reason: 'broken', afterMs: 0 }, quiet)).toBe('settled')
  })

  it('does not run the work when the claim is lost', async () => {
    await request()
    const intent = await claimOne(store)
    await endLeases(database.sql)
    expect(await store.transact(intent, 1_000, mustNotRun)).toBe('lost')
  })

  it('keeps the claim while the work runs, even beyond its lease', async () => {
    await request()
    const intent = await claimOne(store, { leaseMs: 1_500 })
    const result = await store.transact(intent, 1_000, async () => {
      await untilLeaseIsOver()
      expect(await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })).toEqual({ reclaimed: 0, ambiguous: 0 })
      return { result: 'worked', settlement: done }
    })
    expect(result).toBe('worked')
    expect(await count()).toBe(0)
  })
})

async function untilLeaseIsOver(): Promise<void> {
  for (const deadline = Date.now() + 60_000; ;) {
    const over = await database.sql.query('SELECT FROM worker.intents WHERE lease_until <= now()')
    if (over.length > 0) return
    if (Date.now() > deadline) throw new Error('the lease does not end')
  }
}
