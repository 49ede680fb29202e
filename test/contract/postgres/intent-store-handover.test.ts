import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { SqlError, type Database } from '../../../src/std/sql.ts'
import { onlyValue } from '../../../src/std/only-value.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { settleOne, startOne } from '../../support/write-one.ts'
import { insertIntents, request } from './intent-rows.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'

let database: MigratedDatabase
/** Columns of an intent that the platform's tables refer to. */
let person: { campaign_id: string; user_id: string }
beforeAll(async () => {
  database = await migratedDatabase()
  const campaignId = await insertCampaign(database.sql)
  person = { campaign_id: campaignId, user_id: await insertUser(database.sql, campaignId) }
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, email_logs'))

const deliveryLog = 'email_logs'
const gone = () => Promise.reject(new SqlError('gone', {}))
const sent = { is: 'final', state: 'sent', reason: null } as const

/** A store of one group, and intents that it has claimed. */
async function claimed(poolSize: number, count: number, withFaults = (usual: Database) => usual) {
  const store = createIntentStore(withFaults(database), { channels: channelNames, poolSize })
  await insertIntents(database.sql, ...Array.from({ length: count }, (_, index) => ({ key: String(index), ...person })))
  const intents = await store.claim(request({ limit: count }))
  const starting = { state: 'handing_over', leaseMs: 60_000, deliveryLog } as const
  const start = (intent: Intent) =>
    startOne(store, { intent, ...starting }, { envelope: { to: 'to@example.com', subject: intent.key, type: 'welcome' }, body: null })
  const settle = (intent: Intent) => settleOne(store, intent, sent, { deliveryLog, reply: { providerId: `id-${intent.key}` } })
  const answer = { is: 'go', frozen: { envelope: { to: 'to@example.com', subject: '', type: 'welcome' }, body: null } } as const
  const decision = { kind: {}, decide: (starts: readonly unknown[]) => Promise.resolve(starts.map(() => answer)) }
  const startWith = async (intent: Intent) => onlyValue(await store.startWith([{ intent, message: '', ...starting }], decision))
  return { store, intents, start, startWith, settle }
}

/** Intents with what `email_logs` says of them, and the transaction that wrote each. */
async function rows() {
  return database.sql.query<{ key: string; state: string; status: string | null; provider: string | null; written: string }>(`
    SELECT i.key, i.state, l.status, l.provider_message_id AS provider, i.xmin::text AS written
      FROM worker.intents AS i LEFT JOIN email_logs AS l ON l.id = md5(i.group_name || ':' || i.key)::uuid ORDER BY i.key`)
}

it('an outcome and the start in its place are one commit', async () => {
  const { intents, start, settle } = await claimed(1, 2)
  const [a, b] = intents
  if (a === undefined || b === undefined) throw new Error('two were due')
  expect(await start(a)).toBe('started')
  expect(await Promise.all([settle(a), start(b)])).toEqual(['settled', 'started'])
  const [first, second] = await rows()
  expect(first).toMatchObject({ state: 'sent', status: 'sent', provider: 'id-0' })
  expect(second).toMatchObject({ state: 'handing_over', status: 'pending', provider: null })
  expect(second?.written).toBe(first?.written)
})

it.each([
  ['outcome', 0, ['lost', 'started'], ['handing_over', 'handing_over']],
  ['start', 1, ['settled', 'lost'], ['sent', 'claimed']],
] as const)('a lost claim of the %s changes nothing for the other', async (_, lost, answers, states) => {
  const { intents, start, settle } = await claimed(1, 2)
  const [a, b] = intents
  if (a === undefined || b === undefined) throw new Error('two were due')
  await start(a)
  await database.sql.query(`UPDATE worker.intents SET owner = 'two' WHERE key = $1`, [String(lost)])
  expect(await Promise.all([settle(a), start(b)])).toEqual(answers)
  expect((await rows()).map(({ state }) => state)).toEqual(states)
})

it('a start that the database refused leaves its place at once', async () => {
  const { intents, start, startWith } = await claimed(1, 3)
  const [a, b, c] = intents
  if (a === undefined || b === undefined || c === undefined) throw new Error('three were due')
  await database.sql.query('UPDATE worker.intents SET campaign_id = gen_random_uuid() WHERE key IN ($1, $2)', [a.key, b.key])
  await expect(start(a)).rejects.toMatchObject({ state: '23503' })
  await expect(startWith(b)).rejects.toMatchObject({ state: '23503' })
  expect(await start(c)).toBe('started')
})

it('a start whose connection was lost leaves its place with its outcome, which leaves out the delivery log', async () => {
  let isGone = true
  const { intents, store, start, startWith } = await claimed(1, 3, (usual) => ({
    ...usual,
    sql: { query: (text, parameters) => (isGone && text.includes('opened') ? gone() : usual.sql.query(text, parameters)) },
    transaction: (work) => (isGone ? gone() : usual.transaction(work)),
  }))
  const [a, b, c] = intents
  if (a === undefined || b === undefined || c === undefined) throw new Error('three were due')
  const waiting = { is: 'later', as: 'waiting', reason: 'start-failed', afterMs: 1_000 } as const
  for (const [failing, of] of [
    [start, a],
    [startWith, b],
  ] as const) {
    await expect(failing(of)).rejects.toThrow('gone')
    expect(await settleOne(store, of, waiting, { deliveryLog: null, reply: {} })).toBe('settled')
  }
  isGone = false
  expect(await start(c)).toBe('started')
})

it('a start waits for no outcome whose row in email_logs is locked, and takes the place of one once that was tried', async () => {
  const { intents, start, settle } = await claimed(2, 3)
  const [a, b, c] = intents
  if (a === undefined || b === undefined || c === undefined) throw new Error('three were due')
  await start(a)
  const done: string[] = []
  const note = (what: string) => (result: unknown) => done.push(`${what}: ${String(result)}`)
  await database.transaction(async (tx) => {
    await tx.query('SELECT FROM email_logs FOR UPDATE')
    await Promise.all([
      settle(a)
        .catch((error: unknown) => error)
        .then(note('a')),
      start(b).then(note('b')),
      start(c).then(note('c')),
    ])
  })
  // The outcome waits for the lock timeout of the session, and no start for that.
  expect(done).toEqual(['b: started', 'c: started', expect.stringContaining('lock timeout')])
})

it('a start waits for no outcome that a kind records while its row in email_logs is locked', async () => {
  const { intents, store, start, startWith } = await claimed(1, 2)
  const [a, b] = intents
  if (a === undefined || b === undefined) throw new Error('two were due')
  await startWith(a)
  const kindOutcome = {
    outcome: { ok: true, final: true, reason: null },
    record: (outcomes: readonly unknown[]) => Promise.resolve(outcomes.map(() => undefined)),
  }
  const done: string[] = []
  await database.transaction(async (tx) => {
    await tx.query('SELECT FROM email_logs FOR UPDATE')
    const patient = database.sql.query('SELECT FROM email_logs FOR UPDATE').catch(() => done.push('lock timeout of the session'))
    const outcome = settleOne(store, a, sent, { deliveryLog, reply: {}, kindOutcome })
    const started = start(b)
    await expect(outcome).rejects.toMatchObject({ state: '55P03' })
    done.push(await started)
    await patient
  })
  expect(done).toEqual(['started', 'lock timeout of the session'])
  // Nobody waits for the next try.
  expect(await settleOne(store, a, sent, { deliveryLog, reply: {}, kindOutcome })).toBe('settled')
})

it('no more mails of a group are handed over at a time than it has workers, with those whose start is decided in a transaction', async () => {
  const workers = 3
  const { intents, start, startWith, settle } = await claimed(workers, 150)
  const queue = [...intents]
  const outcomes: Promise<unknown>[] = []
  const worker = async () => {
    for (let intent = queue.shift(); intent !== undefined; intent = queue.shift()) {
      if (Number(intent.key) % 5 === 0) await startWith(intent)
      else await start(intent)
      outcomes.push(settle(intent))
    }
  }
  let isWorking = true
  const working = Promise.all(Array.from({ length: workers }, worker)).finally(() => (isWorking = false))
  const counts = new Set<number>()
  while (isWorking) {
    const [row] = await database.sql.query<{ count: number }>(`SELECT count(*)::int FROM worker.intents WHERE state = 'handing_over'`)
    counts.add(row?.count ?? 0)
  }
  await working
  await Promise.all(outcomes)
  expect(Math.max(...counts)).toBe(workers)
  expect((await rows()).filter(({ state }) => state === 'sent')).toHaveLength(150)
})
