import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Frozen, Intent } from '../../../src/model/intent.ts'
import type { IntentStore, StartDecision, StartRequest, StartWithRequest } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { onlyValue } from '../../../src/std/only-value.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { claimOne, endLeases, insertIntents, makeDue, request, rowOf } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
/** Columns of an intent that the platform's tables refer to. */
let person: { campaign_id: string; user_id: string }
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
  await database.sql.query('CREATE TABLE notes (note text)')
  const campaignId = await insertCampaign(database.sql)
  person = { campaign_id: campaignId, user_id: await insertUser(database.sql, campaignId) }
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, email_logs, notes'))

const frozen: Frozen = { envelope: { to: 'someone@example.com' }, body: Buffer.from('Hello') }
const mail = (intent: Intent): Frozen => ({ ...frozen, envelope: { ...frozen.envelope, subject: intent.key, type: 'welcome' } })
const starting = (intent: Intent, change: Partial<StartRequest> = {}): StartWithRequest<string> => ({
  intent,
  message: intent.key,
  state: 'handing_over',
  leaseMs: 60_000,
  deliveryLog: null,
  ...change,
})

async function note(tx: Sql, text: string): Promise<void> {
  await tx.query('INSERT INTO notes VALUES ($1)', [text])
}

async function notes(): Promise<string[]> {
  const rows = await database.sql.query<{ note: string }>('SELECT note FROM notes ORDER BY note')
  return rows.map((row) => row.note)
}

/** The mails that email_logs has a row of. */
async function logged(): Promise<string[]> {
  const rows = await database.sql.query<{ subject: string }>('SELECT subject FROM email_logs ORDER BY subject')
  return rows.map((row) => row.subject)
}

/** What can happen to a claim before its start. */
const losses: readonly [string, (sql: Sql) => Promise<unknown>][] = [
  ['another owner has it', (sql) => sql.query(`UPDATE worker.intents SET owner = 'two'`)],
  ['it was claimed again', (sql) => sql.query(`UPDATE worker.intents SET claims = claims + 1`)],
  ['it is pending again', (sql) => sql.query(`UPDATE worker.intents SET state = 'pending'`)],
  ['it is started already', (sql) => sql.query(`UPDATE worker.intents SET state = 'handing_over'`)],
  ['its lease is over', endLeases],
  ['its row is gone', (sql) => sql.query('DELETE FROM worker.intents')],
]

describe('start', () => {
  it('counts the attempt, freezes the message and renews the lease', async () => {
    await insertIntents(database.sql, { key: 'k' })
    const intent = await claimOne(store, { leaseMs: 5_000 })
    expect(await startOne(store, starting(intent, { leaseMs: 100_000 }), frozen)).toBe('started')
    const row = await rowOf(database.sql, 'k')
    expect(row).toMatchObject({ state: 'handing_over', attempt: 1, owner: 'one', claims: 1, envelope: frozen.envelope, body: frozen.body })
    expect(row.lease_until?.getTime()).toBeGreaterThan(Date.now() + 50_000)
  })

  it('as many starts as there are workers wait for no others to share their commit, and neither do their outcomes', async () => {
    const never = 2_000_000_000
    const patient = createIntentStore(database, { channels: channelNames, poolSize: 2, batchWaitMs: never, startLingerMs: never })
    await insertIntents(database.sql, { key: 'a', ...person }, { key: 'b', ...person })
    const intents = await patient.claim(request({ limit: 2 }))
    const deliveryLog = 'email_logs'
    const start = (intent: Intent) => startOne(patient, starting(intent, { deliveryLog }), mail(intent))
    expect(await Promise.all(intents.map(start))).toEqual(['started', 'started'])
    const sent = { is: 'final', state: 'sent', reason: null } as const
    const settle = (intent: Intent) => settleOne(patient, intent, sent, { deliveryLog, reply: {} })
    expect(await Promise.all(intents.map(settle))).toEqual(['settled', 'settled'])
  })

  it('leaves repeatable work in the state claimed', async () => {
    await insertIntents(database.sql, { key: 'k' })
    expect(await startOne(store, starting(await claimOne(store), { state: 'claimed' }), frozen)).toBe('started')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'claimed', attempt: 1 })
  })

  it('never changes what was frozen before', async () => {
    await insertIntents(database.sql, { key: 'k' })
    const first = await claimOne(store)
    await startOne(store, starting(first), frozen)
    await settleOne(store, first, { is: 'later', as: 'retry', reason: 'r', afterMs: 0 }, { deliveryLog: null, reply: {} })
    await makeDue(database.sql)
    const second = await claimOne(store)
    expect(second.frozen).toEqual(frozen)
    // Even by a worker that did not know.
    const other = { envelope: { to: 'other@example.com' }, body: Buffer.from('Other') }
    expect(await startOne(store, starting({ ...second, frozen: null }), other)).toBe('started')
    expect(await rowOf(database.sql, 'k')).toMatchObject({ attempt: 2, envelope: frozen.envelope, body: frozen.body })
  })

  it.each(losses)('is lost when %s', async (_, lose) => {
    await insertIntents(database.sql, { key: 'k', ...person })
    const intent = await claimOne(store)
    await lose(database.sql)
    const [before] = await database.sql.query('SELECT * FROM worker.intents')
    expect(await startOne(store, starting(intent, { deliveryLog: 'email_logs' }), mail(intent))).toBe('lost')
    expect(await database.sql.query('SELECT * FROM worker.intents')).toEqual(before ? [before] : [])
    expect(await logged()).toEqual([])
  })

  it('starts many in one transaction, and returns results in their order', async () => {
    await insertIntents(database.sql, ...Array.from({ length: 40 }, (_, index) => Object.assign({ key: `${index}` }, person)))
    const intents = await store.claim(request())
    await database.sql.query(`UPDATE worker.intents SET owner = 'two' WHERE key = '7'`)
    const results = await store.start(
      intents.map((intent) => ({ ...starting(intent, { deliveryLog: 'email_logs' }), frozen: mail(intent) })),
    )
    const answers = intents.map(({ key }) => ({ status: 'fulfilled', value: key === '7' ? 'lost' : 'started' }))
    expect(results).toEqual(answers)
    const [{ transactions } = { transactions: 0 }] = await database.sql.query<{ transactions: number }>(
      `SELECT count(DISTINCT xid)::int AS transactions FROM (
         SELECT xmin::text AS xid FROM worker.intents WHERE state = 'handing_over' UNION ALL SELECT xmin::text FROM email_logs) AS written`,
    )
    expect(transactions).toBe(1)
    expect(await logged()).toHaveLength(39)
    expect(await logged()).not.toContain('7')
  })

  it('writes delivery logs only for channels that have one, in a mixed batch', async () => {
    await insertIntents(database.sql, ...['a', 'b', 'c'].map((key) => Object.assign({ key }, person)))
    const intents = await store.claim(request())
    const results = await store.start(
      intents.map((intent) => ({ ...starting(intent, { deliveryLog: intent.key === 'b' ? null : 'email_logs' }), frozen: mail(intent) })),
    )
    expect(results).toEqual(intents.map(() => ({ status: 'fulfilled', value: 'started' })))
    expect(await logged()).toEqual(['a', 'c'])
  })

  it('fails a bad row alone', async () => {
    await insertIntents(database.sql, ...Array.from({ length: 6 }, (_, index) => Object.assign({ key: `${index}` }, person)))
    const intents = await store.claim(request())
    const results = await store.start(
      intents.map((intent) => ({
        ...starting(intent, { deliveryLog: 'email_logs' }),
        // jsonb takes no NUL.
        frozen: intent.key === '3' ? { ...frozen, envelope: { to: '\0' } } : mail(intent),
      })),
    )
    expect(results.map(({ status }) => status)).toEqual(intents.map(({ key }) => (key === '3' ? 'rejected' : 'fulfilled')))
    expect(await logged()).toEqual(['0', '1', '2', '4', '5'])
    expect(await rowOf(database.sql, '3')).toMatchObject({ state: 'claimed', attempt: 0 })
  })

  it('writes the delivery log in the same transaction: when it fails, nothing was started', async () => {
    await insertIntents(database.sql, { key: 'k', ...person, user_id: '00000000-0000-4000-8000-000000000bad' })
    const intent = await claimOne(store)
    await expect(startOne(store, starting(intent, { deliveryLog: 'email_logs' }), mail(intent))).rejects.toMatchObject({ state: '23503' })
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'claimed', attempt: 0, envelope: null })
  })
})

const startWith = async (intent: Intent, decide: StartDecision<string>['decide']) =>
  onlyValue(await store.startWith([starting(intent, { deliveryLog: 'email_logs' })], { kind: decide, decide }))

const go: StartDecision<string>['decide'] = async (starts) => starts.map(({ intent }) => ({ is: 'go', frozen: mail(intent) }))

const skipOne: StartDecision<string>['decide'] = async (starts, tx) => {
  for (const { message } of starts) await note(tx, message)
  return starts.map(({ intent }) => (intent.key === 'skipped' ? { is: 'skip', reason: 'not today' } : { is: 'go', frozen: mail(intent) }))
}

describe('startWith', () => {
  it('checks the claim and locks the row before it decides, and commits both', async () => {
    await insertIntents(database.sql, { key: 'k', ...person })
    const intent = await claimOne(store)
    const result = await startWith(intent, async (_, tx) => {
      await expect(database.sql.query('SELECT FROM worker.intents FOR UPDATE NOWAIT')).rejects.toMatchObject({ state: '55P03' })
      await note(tx, 'attempt')
      return [{ is: 'go', frozen: mail(intent) }]
    })
    expect(result).toEqual({ is: 'started', frozen: mail(intent) })
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'handing_over', attempt: 1, envelope: frozen.envelope })
    expect([await notes(), await logged()]).toEqual([['attempt'], ['k']])
  })

  it('writes nothing after a decision to skip', async () => {
    await insertIntents(database.sql, { key: 'k', ...person })
    const intent = await claimOne(store)
    const result = await startWith(intent, async (_, tx) => {
      await note(tx, 'attempt')
      return [{ is: 'skip', reason: 'not today' }]
    })
    expect(result).toEqual({ is: 'skip', reason: 'not today' })
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'claimed', attempt: 0, owner: 'one' })
    expect([await notes(), await logged()]).toEqual([[], []])
  })

  it.each(losses)('does not decide at all when %s', async (_, lose) => {
    await insertIntents(database.sql, { key: 'k' })
    const intent = await claimOne(store)
    await lose(database.sql)
    expect(await startWith(intent, () => Promise.reject(new Error('nothing may be decided')))).toEqual({ is: 'lost' })
  })

  it('shares a transaction among starts of one kind; a skipped, rejected or lost one affects no others', async () => {
    const keys = ['1', '2', 'bad', 'skipped', 'lost']
    await insertIntents(database.sql, ...keys.map((key) => ({ key, ...person })))
    const intents = await store.claim(request())
    await database.sql.query(`UPDATE worker.intents SET owner = 'two' WHERE key = 'lost'`)
    const blocks: string[] = []
    const decide: StartDecision<string>['decide'] = async (starts, tx) => {
      blocks.push(starts.map(({ message }) => message).join())
      for (const { message } of starts) await note(tx, message)
      if (starts.some(({ message }) => message === 'bad')) throw new Error('bad')
      return starts.map(({ intent }) =>
        intent.key === 'skipped' ? { is: 'skip', reason: 'not today' } : { is: 'go', frozen: mail(intent) },
      )
    }
    const started = await store.startWith(
      intents.map((intent) => starting(intent, { deliveryLog: 'email_logs' })),
      { kind: decide, decide },
    )
    const results = new Map(started.map((result, index) => [intents[index]?.key, result]))
    expect(blocks[0]?.split(',').toSorted()).toEqual(['1', '2', 'bad', 'skipped'])
    expect(results.get('1')).toMatchObject({ value: { is: 'started', frozen: { envelope: { subject: '1' } } } })
    expect(results.get('2')).toMatchObject({ value: { is: 'started', frozen: { envelope: { subject: '2' } } } })
    expect(results.get('bad')).toMatchObject({ status: 'rejected', reason: new Error('bad') })
    expect(results.get('skipped')).toMatchObject({ value: { is: 'skip', reason: 'not today' } })
    expect(results.get('lost')).toMatchObject({ value: { is: 'lost' } })
    expect([await notes(), await logged()]).toEqual([
      ['1', '2'],
      ['1', '2'],
    ])
  })

  it('writes nothing for the skipped one of several', async () => {
    await insertIntents(database.sql, ...['1', 'skipped', '3'].map((key) => ({ key, ...person })))
    const intents = await store.claim(request())
    const started = await store.startWith(
      intents.map((intent) => starting(intent)),
      { kind: skipOne, decide: skipOne },
    )
    const skipped = intents.findIndex(({ key }) => key === 'skipped')
    expect(started[skipped]).toEqual({ status: 'fulfilled', value: { is: 'skip', reason: 'not today' } })
    expect(await notes()).toEqual(['1', '3'])
  })

  it('commits starts of one kind together', async () => {
    await insertIntents(database.sql, ...['1', '2', '3'].map((key) => ({ key, ...person })))
    const intents = await store.claim(request())
    await store.startWith(
      intents.map((intent) => starting(intent)),
      { kind: go, decide: go },
    )
    expect(await database.sql.query('SELECT count(DISTINCT xmin::text)::int FROM worker.intents')).toEqual([{ count: 1 }])
  })
})
