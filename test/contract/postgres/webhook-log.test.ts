import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { historySentences } from '../../../src/admin/intents/intent-history.ts'
import { channelList, channelNames } from '../../../src/daemon/compose/channels.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { IntentStore, Reply, Settlement, StartDecision } from '../../../src/delivery/intent-store.ts'
import { createIntentAdmin } from '../../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { RecordOutcomes } from '../../../src/model/intent-kind.ts'
import { onlyValue } from '../../../src/std/only-value.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { claimOne, giveUp, insertIntents, makeDue, request } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertWebhook } from './platform-rows.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

let database: MigratedDatabase
let store: IntentStore
let endpointId: string
const deliveryLog = 'webhook_deliveries'
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.sql.query('TRUNCATE worker.intents, webhooks CASCADE')
  endpointId = await insertWebhook(database.sql, await insertCampaign(database.sql))
})

const payload = { type: 'reward.delivered', data: { value: 'ä' } }
const delivered: Settlement = { is: 'final', state: 'delivered', reason: null }
const dead: Settlement = { is: 'final', state: 'dead', reason: 'out-of-attempts' }
const retry: Settlement = { is: 'later', as: 'retry', reason: 'status-500', afterMs: 60_000 }

function frozenFor(endpoint: string) {
  const envelope = { endpointId: endpoint, url: 'https://example.com/hook', eventType: 'reward.delivered', webhookId: 'msg_1' }
  return { envelope, body: Buffer.from(JSON.stringify(payload)) }
}

function start(intent: Intent, endpoint = endpointId) {
  return startOne(store, { intent, state: 'claimed', leaseMs: 60_000, deliveryLog }, frozenFor(endpoint))
}

async function started(key = 'k'): Promise<Intent> {
  await insertIntents(database.sql, { key })
  const intent = await claimOne(store)
  expect(await start(intent)).toBe('started')
  return intent
}

/** As long as the rows of a reward take. */
const aMoment = (tx: Sql) => tx.query('SELECT pg_sleep(0.002)')
const decide: StartDecision<null>['decide'] = async (starts, tx) => {
  await aMoment(tx)
  return starts.map(() => ({ is: 'go', frozen: frozenFor(endpointId) }))
}
const record: RecordOutcomes = async (ends, tx) => {
  await aMoment(tx)
  return ends.map(() => undefined)
}
const settle = (intent: Intent, settlement: Settlement, reply: Reply = {}) => settleOne(store, intent, settlement, { deliveryLog, reply })
const deliveries = () => database.sql.query<Record<string, unknown>>('SELECT * FROM webhook_deliveries')
const endpoint = async () => (await database.sql.query<Record<string, unknown>>('SELECT * FROM webhooks WHERE id = $1', [endpointId]))[0]

describe('webhook_deliveries', () => {
  it('gets a row when the delivery starts, from its frozen content', async () => {
    await started()
    expect(await deliveries()).toMatchObject([
      { webhook_id: endpointId, event_type: 'reward.delivered', payload, status: 'pending', attempt_number: 1, response_status: null },
    ])
  })

  it('is shown with an intent of a channel that writes it, and with no other', async () => {
    const intent = await started()
    await settle(intent, retry, { status: 500, error: 'The endpoint answered 500.' })
    const admin = createIntentAdmin(database, channelList)
    const moveTo = (channel: string) => database.sql.query('UPDATE worker.intents SET channel = $1', [channel])
    await moveTo('webhook')
    const history = await admin.history(intent.id)
    expect(history).toMatchObject({ mail: null, delivery: { status: 'pending', responseStatus: 500, attempt: 1, deliveredAt: null } })
    const [row] = await deliveries()
    expect(history && historySentences(history).at(-1)).toMatch(
      new RegExp(
        `^webhook_deliveries ${String(row?.['id'])}: pending, attempt 1, answered 500, next attempt at \\S+Z: The endpoint answered 500\\.$`,
      ),
    )
    await moveTo('email')
    expect(await admin.history(intent.id)).toMatchObject({ mail: null, delivery: null })
    await moveTo('leaderboard')
    expect(await admin.history(intent.id)).toMatchObject({ mail: null, delivery: null })
  })

  it('ends with success, the response and its duration', async () => {
    const other = await insertWebhook(database.sql, await insertCampaign(database.sql))
    await settle(await started(), delivered, { status: 204, durationMs: 12.6 })
    const [row] = await deliveries()
    expect(row).toMatchObject({ status: 'success', response_status: 204, duration_ms: 13, error_message: null, next_retry_at: null })
    expect(row?.['delivered_at']).toBeInstanceOf(Date)
    expect(await endpoint()).toMatchObject({ total_sent: 1, total_failed: 0, last_failure_at: null, status: 'active' })
    expect((await endpoint())?.['last_success_at']).toBeInstanceOf(Date)
    const others = await database.sql.query('SELECT total_sent, last_success_at FROM webhooks WHERE id = $1', [other])
    expect(others).toEqual([{ total_sent: 0, last_success_at: null }])
  })

  it('fails, and is counted once, when the delivery is given up because its endpoint stays away; finished rows are kept', async () => {
    await settle(await started(), delivered, { status: 204 })
    await settle(await started('waits'), retry, { status: 500 })
    expect(await giveUp(database.sql, store, deliveryLog)).toEqual(['k', 'waits'])
    const rows = await database.sql.query('SELECT status, next_retry_at, error_message FROM webhook_deliveries ORDER BY status')
    expect(rows).toEqual([
      { status: 'failed', next_retry_at: null, error_message: 'The endpoint was away for longer than all retries take.' },
      { status: 'success', next_retry_at: null, error_message: null },
    ])
    expect(await endpoint()).toMatchObject({ total_sent: 1, total_failed: 1 })
  })

  it('keeps one row for all attempts', async () => {
    await settle(await started(), retry, { status: 500, error: 'The endpoint answered 500.' })
    const [row] = await deliveries()
    expect(row).toMatchObject({ status: 'pending', response_status: 500, error_message: 'The endpoint answered 500.', attempt_number: 1 })
    expect(row?.['next_retry_at']).toBeInstanceOf(Date)
    expect(await endpoint()).toMatchObject({ total_sent: 0, total_failed: 0 })
    expect((await endpoint())?.['last_failure_at']).toBeInstanceOf(Date)

    await makeDue(database.sql)
    const second = await claimOne(store)
    await start(second)
    expect(await deliveries()).toMatchObject([{ status: 'pending', attempt_number: 2, next_retry_at: null }])
    await settle(second, delivered, { status: 200 })
    expect(await deliveries()).toMatchObject([{ status: 'success', attempt_number: 2, error_message: null }])
    expect(await endpoint()).toMatchObject({ total_sent: 1, total_failed: 0 })
  })

  it('fails finally when the attempts are exhausted, and counts it once', async () => {
    await settle(await started(), dead, { status: 500 })
    expect(await deliveries()).toMatchObject([{ status: 'failed', error_message: 'out-of-attempts', next_retry_at: null }])
    expect(await endpoint()).toMatchObject({ total_sent: 0, total_failed: 1, status: 'active' })
  })

  it('sets an endpoint that answers 410 to failed', async () => {
    await settle(await started(), dead, { status: 410 })
    expect(await endpoint()).toMatchObject({ total_failed: 1, status: 'failed' })
  })

  it('counts no failure of the endpoint for a delivery that is skipped or deferred', async () => {
    const intent = await started()
    await settle(intent, { is: 'later', as: 'waiting', reason: 'campaign-paused', afterMs: 0 })
    await makeDue(database.sql)
    await settle(await claimOne(store), { is: 'final', state: 'skipped', reason: 'reward-revoked' })
    expect(await deliveries()).toMatchObject([{ status: 'failed', error_message: 'reward-revoked' }])
    expect(await endpoint()).toMatchObject({ total_sent: 0, total_failed: 0, last_failure_at: null })
  })

  it('counts every one of many deliveries that finish together, while the platform writes the same row', async () => {
    await insertIntents(database.sql, ...Array.from({ length: 40 }, (_, index) => ({ key: `${index}` })))
    const intents = await store.claim(request())
    await Promise.all(intents.map((intent) => start(intent)))
    const platform = Promise.all(
      Array.from({ length: 20 }, () =>
        database.sql.query('UPDATE webhooks SET max_retries = max_retries + 1, total_sent = total_sent + 1'),
      ),
    )
    await Promise.all(intents.map((intent, index) => settle(intent, index % 4 === 0 ? dead : delivered, { status: 200 })))
    await platform
    expect(await endpoint()).toMatchObject({ total_sent: 50, total_failed: 10, max_retries: 25 })
  })

  it('never deadlocks on the row of an endpoint when two processes finish many deliveries at once, with rows of their kind', async () => {
    await insertIntents(database.sql, ...Array.from({ length: 200 }, (_, index) => ({ key: `${index}` })))
    const intents = await store.claim(request({ limit: 200 }))
    const kindOutcome = { outcome: { ok: true, final: true, reason: null }, record }
    const deliverAll = async (process: IntentStore, mine: readonly Intent[]) => {
      for (const intent of mine) {
        // The new delivery's foreign key locks the endpoint's row as well, for others who do the same.
        const request = { intent, message: null, state: 'claimed', leaseMs: 60_000, deliveryLog } as const
        onlyValue(await process.startWith([request], { kind: decide, decide }))
        await settleOne(process, intent, delivered, { deliveryLog, reply: {}, kindOutcome })
      }
    }
    const processes = [store, createIntentStore(database, { channels: channelNames })]
    const workers = processes.flatMap((process) => Array.from({ length: 10 }, () => process))
    await Promise.all(
      workers.map((process, worker) =>
        deliverAll(
          process,
          intents.filter((_, index) => index % workers.length === worker),
        ),
      ),
    )
    expect(await endpoint()).toMatchObject({ total_sent: 200 })
  })

  it('does not fail the others because of a delivery without endpoint', async () => {
    await insertIntents(database.sql, { key: 'a' }, { key: 'b' }, { key: 'c' })
    const intents = await store.claim(request())
    const results = await Promise.allSettled(
      intents.map((intent) => start(intent, intent.key === 'b' ? '00000000-0000-4000-8000-000000000bad' : endpointId)),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })
})
