import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Executor } from '../../../src/delivery/executor.ts'
import type { IntentStore, StartRequest, StartWithRequest } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { KindRows } from '../../../src/model/intent-kind.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { createDeliveryFixture, execute, mailKind } from '../../unit/delivery/delivery-fixture.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { settleOne, startOne } from '../../support/write-one.ts'
import { claimOne, endLeases, insertIntents, request, rowOf } from './intent-rows.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { onlyValue } from '../../../src/std/only-value.ts'

/**
 * A process that the database has not answered for longer than a lease claims an intent again that it still holds; what it then writes for
 * both claims shares a statement.
 */
let database: MigratedDatabase
let store: IntentStore
let person: { campaign_id: string; user_id: string }
beforeAll(async () => {
  database = await migratedDatabase()
  // One statement takes all that is written at once here.
  store = createIntentStore(database, { channels: channelNames, batchWaitMs: 50, startLingerMs: 50 })
  const campaignId = await insertCampaign(database.sql)
  person = { campaign_id: campaignId, user_id: await insertUser(database.sql, campaignId) }
  await database.sql.query('CREATE TABLE kind_rows (note text)')
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, email_logs, kind_rows'))

const frozen = { envelope: { to: 'to@example.com', subject: 's', type: 'welcome' }, body: null }
const asMail = { state: 'handing_over', leaseMs: 60_000, deliveryLog: 'email_logs' } as const
const asWork = { ...asMail, state: 'claimed' } as const
const sent = { is: 'final', state: 'sent', reason: null } as const
const failed = { is: 'later', as: 'retry', reason: 'old', afterMs: 60_000 } as const
const orders = [
  ['old before new', ([old, newer]: Pair) => [old, newer]],
  ['new before old', ([old, newer]: Pair) => [newer, old]],
] as const
type Pair = readonly [old: Intent, newer: Intent]

const kindRows: KindRows = {
  start: {
    columns: { note: 'text' },
    sql: (k) => `INSERT INTO kind_rows SELECT k.note FROM ${k} RETURNING (SELECT id FROM worker.intents) AS intent_id`,
  },
  outcome: {
    columns: { note: 'text' },
    sql: (k) => `INSERT INTO kind_rows SELECT k.note FROM ${k} RETURNING (SELECT id FROM worker.intents) AS intent_id`,
    valuesOf: ({ intent }) => [noteOf(intent)],
    notes: async () => [],
  },
}

/** The same intent, claimed twice. */
async function claimedTwice(): Promise<Pair> {
  await insertIntents(database.sql, { key: 'k', ...person })
  const old = await claimOne(store)
  await endLeases(database.sql)
  await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
  return [old, await claimOne(store)]
}

/** The same intent, claimed by one process on a server and on its successor, which lacks the first claim and `lost` earlier ones. */
async function claimedOnBothServers(lost: number): Promise<Pair> {
  await insertIntents(database.sql, { key: 'k', claims: lost, ...person })
  const old = await claimOne(store, { owner: 'one:mailers:9' })
  await database.sql.query(`UPDATE worker.intents SET state = 'pending', owner = NULL, lease_until = NULL, claims = 0`)
  return [old, await claimOne(store, { owner: 'one:mailers:10' })]
}

/** Started by its first claim, with an outcome that nobody has written, and claimed again. */
async function claimedAgainWhileStarted(state: 'claimed' | 'handing_over'): Promise<Pair> {
  await insertIntents(database.sql, { key: 'k', ...person })
  const old = await claimOne(store)
  await startOne(store, { intent: old, ...asMail, state }, frozen)
  await endLeases(database.sql)
  await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
  const newer = await claimOne(store)
  return [old, newer]
}

function noteOf({ claim }: Intent): string {
  return `claim ${claim.claims}`
}

/** The outcome that an intent's kind keeps, by a statement of its own or by `rows` of the one that records the intent's. */
function recordedBy(rows: KindRows | undefined) {
  return {
    outcome: { ok: true, final: true, reason: null },
    record: async (outcomes: readonly { readonly intent: Intent }[]) => {
      for (const { intent } of outcomes) await database.sql.query('INSERT INTO kind_rows VALUES ($1)', [noteOf(intent)])
      return outcomes.map(() => undefined)
    },
    kindRows: rows,
  }
}

function ofKind(intent: Intent): StartRequest['ofKind'] {
  return { rows: kindRows, values: [noteOf(intent)] }
}

async function notes(): Promise<readonly string[]> {
  return (await database.sql.query<{ note: string }>('SELECT note FROM kind_rows')).map(({ note }) => note)
}

describe.each(orders)('%s', (_, inOrder) => {
  const starts: readonly [string, (intent: Intent) => Promise<string>][] = [
    ['a mail', (intent) => startOne(store, { intent, ...asMail }, frozen)],
    ['a delivery that can be repeated', (intent) => startOne(store, { intent, ...asWork }, frozen)],
    ['work without a delivery log', (intent) => startOne(store, { intent, ...asWork, deliveryLog: null }, frozen)],
    ['a mail of a kind that decides', startedWith(asMail)],
    ['a delivery of a kind that decides', startedWith(asWork)],
  ]
  describe.each([
    ['after its lease', claimedTwice],
    ['after a failover that lost its claim', () => claimedOnBothServers(0)],
    ['after a failover that lost its last three claims', () => claimedOnBothServers(2)],
  ] as const)('claimed again %s', (_again, claimedAgain) => {
    it.each(starts)('%s is started by its newest claim alone', async (_what, start) => {
      const pair = await claimedAgain()
      const answers = await Promise.all(inOrder(pair).map(start))
      expect(answers).toEqual(inOrder(pair).map((intent) => (intent === pair[1] ? 'started' : 'lost')))
      expect(await rowOf(database.sql, 'k')).toMatchObject({ attempt: 1, claims: pair[1].claim.claims })
    })
  })

  it('the rows of a kind are those of the newest claim', async () => {
    const pair = await claimedTwice()
    const answers = await store.start(inOrder(pair).map((intent) => ({ intent, ...asWork, frozen, ofKind: ofKind(intent) })))
    expect(answers.map((answer) => 'value' in answer && answer.value)).toEqual(
      inOrder(pair).map((intent) => (intent === pair[1] ? 'started' : 'lost')),
    )
    expect(await notes()).toEqual(['claim 2'])
  })

  it('the outcome of a lost claim is lost beside the start of the newest', async () => {
    const pair = await claimedAgainWhileStarted('handing_over')
    const [old, newer] = pair
    // It counts as handed over, so the start waits for no room.
    const write = (intent: Intent) =>
      intent === old
        ? settleOne(store, old, sent, { deliveryLog: 'email_logs', reply: {} })
        : startOne(store, { intent: newer, ...asMail }, frozen)
    expect(await Promise.all(inOrder(pair).map(write))).toEqual(inOrder(pair).map((intent) => (intent === newer ? 'started' : 'lost')))
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'handing_over', attempt: 2, claims: 2 })
  })

  it.each([
    ['without its kind', undefined, []],
    ['with the rows of its kind', recordedBy(kindRows), ['claim 2']],
    ['with what its kind records', recordedBy(undefined), ['claim 2']],
  ] as const)('the outcome that counts, %s, is the one of the newest claim, in the delivery log too', async (_what, kindOutcome, noted) => {
    const pair = await claimedAgainWhileStarted('claimed')
    const [old, newer] = pair
    await startOne(store, { intent: newer, ...asWork }, frozen)
    const settle = (intent: Intent) =>
      settleOne(store, intent, intent === old ? failed : sent, {
        deliveryLog: 'email_logs',
        reply: { providerId: noteOf(intent) },
        ...(kindOutcome === undefined ? {} : { kindOutcome }),
      })
    expect(await Promise.all(inOrder(pair).map(settle))).toEqual(inOrder(pair).map((intent) => (intent === newer ? 'settled' : 'lost')))
    expect(await rowOf(database.sql, 'k')).toMatchObject({ state: 'sent', reason: null })
    expect(await database.sql.query('SELECT status, provider_message_id AS provider FROM email_logs')).toEqual([
      { status: 'sent', provider: 'claim 2' },
    ])
    expect(await notes()).toEqual(noted)
  })
})

it('others of the batch are answered in their order', async () => {
  const [old, newer] = await claimedTwice()
  await insertIntents(database.sql, { key: 'a', ...person }, { key: 'b', ...person })
  const [a, b] = await store.claim(request({ limit: 2 }))
  if (a === undefined || b === undefined) throw new Error('two were due')
  const answers = await store.start([a, old, newer, b].map((intent) => ({ intent, ...asMail, frozen })))
  expect(answers.map((answer) => 'value' in answer && answer.value)).toEqual(['started', 'lost', 'started', 'started'])
})

it.each([
  ['nobody else has the mail', false, { state: 'pending', reason: 'start-failed', attempt: 0, ambiguous: 0 }, 0],
  ['another worker sends the mail', true, { state: 'sent', reason: null, attempt: 2, ambiguous: 1 }, 1],
] as const)('a start that is answered after its lease hands nothing over: %s', async (_what, isClaimedAgain, row, mails) => {
  await insertIntents(database.sql, { key: 'k', ...person })
  const old = await claimOne(store)
  const clock = createManualClock()
  const late: IntentStore['start'] = async (requests) => {
    const answers = await store.start(requests)
    await endLeases(database.sql)
    await store.expireLeases({ hold: false, ambiguousRetryMs: 0 })
    if (isClaimedAgain) await send(await claimOne(store), {})
    clock.advance(2_000)
    return answers
  }
  let handedOver = 0
  await send(old, { store: { ...store, start: late }, clock })
  expect(handedOver).toBe(mails)
  expect(await rowOf(database.sql, 'k')).toMatchObject(row)

  async function send(intent: Intent, change: Partial<Executor>): Promise<void> {
    const fixture = createDeliveryFixture([mailKind()], { store, ...change })
    fixture.email.freeze = async () => [{ status: 'fulfilled', value: frozen }]
    fixture.email.perform = async () => {
      handedOver += 1
      return { is: 'done', state: 'sent', reply: {} }
    }
    await execute(fixture, intent)
  }
})

function startedWith(request: Omit<StartWithRequest<string>, 'intent' | 'message'>): (intent: Intent) => Promise<string> {
  const decision = { kind: {}, decide: async (starts: readonly unknown[]) => starts.map(() => ({ is: 'go', frozen }) as const) }
  return async (intent) => onlyValue(await store.startWith([{ intent, message: '', ...request }], decision)).is
}
