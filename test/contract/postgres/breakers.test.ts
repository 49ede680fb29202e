import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { awayTooLongMs, type AbandonRequest, type BreakerChange } from '../../../src/delivery/breaker-history.ts'
import { webhookRetryPolicy } from '../../../src/delivery/webhook/webhook-retry-policy.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { insertIntents, rowOf } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.sql.query('DELETE FROM worker.intents')
  await database.sql.query('DELETE FROM worker.breakers')
})

const HOUR_MS = 3_600_000
const store = () => createIntentStore(database, { channels: channelNames })
const found = (state: 'open' | 'closed', hoursAgo: number, destination = 'e'): BreakerChange => ({
  of: { channel: 'webhook', destination },
  state,
  reason: state === 'open' ? 'timeout' : null,
  agoMs: hoursAgo * HOUR_MS,
})
/** Records changes as processes do, one after the other. */
async function record(...changes: readonly BreakerChange[]) {
  for (const change of changes) await store().recordBreakers([change])
}
/** Hours that the destination has been away, as of the last failure. */
async function awayFor(destination = 'e'): Promise<number | null> {
  const [row] = await database.sql.query<{ hours: number }>(
    'SELECT round(extract(epoch FROM failed_at - open_since) / 3600)::int AS hours FROM worker.breakers WHERE destination = $1',
    [destination],
  )
  return row?.hours ?? null
}

const since = (hours: number) => new Date(Date.now() - hours * HOUR_MS)
const deferred = (key: string, change: object = {}) => ({
  key,
  channel: 'webhook',
  destination: 'e',
  reason: 'endpoint-open',
  due_at: since(-24),
  waiting_since: since(5),
  ...change,
})
const abandonment: AbandonRequest = {
  group: 'mailers',
  channel: 'webhook',
  kinds: [{ kind: 'mail', version: 1 }],
  awayMs: awayTooLongMs(webhookRetryPolicy),
  deliveryLog: 'webhook_deliveries',
  limit: 100,
}
const abandon = (limit = 100) => {
  const request = { ...abandonment, limit }
  const logged: string[] = []
  const ended = store().abandonDeferred(request, async (intent, tx) => {
    await tx.query('SELECT')
    logged.push(intent.key)
  })
  return ended.then((intents) => ({ keys: intents.map(({ key }) => key), logged }))
}
const away = (openHours: number, failedHours: number, destination = 'e') =>
  database.sql.query(`INSERT INTO worker.breakers VALUES ('webhook', $1, 'timeout', $2, $3)`, [
    destination,
    since(openHours),
    since(failedHours),
  ])

describe('how long a destination has been away', () => {
  it('counts from the first failure of any process, across restarts', async () => {
    await record(found('open', 8), found('open', 6), found('open', 4), found('open', 2))
    expect(await awayFor()).toBe(6)
    expect(await store().recordBreakers([])).toEqual([{ channel: 'webhook', destination: 'e' }])
  })

  it('starts again after hours without an attempt, because it may have recovered', async () => {
    await record(found('open', 90), found('open', 88), found('open', 2), found('open', 1))
    expect(await awayFor()).toBe(1)
  })

  it('ends with a successful delivery, but not with one before the last failure', async () => {
    await record(found('open', 8), found('open', 6), found('closed', 7))
    expect(await awayFor()).toBe(2)
    await record(found('closed', 5))
    expect(await awayFor()).toBeNull()
    expect(await store().recordBreakers([])).toEqual([])
  })
})

describe('intents deferred for a destination that is away for longer than all retries take', () => {
  it('end dead with that reason, in batches, with the delivery log of each', async () => {
    await away(77, 1)
    await insertIntents(
      database.sql,
      deferred('a'),
      deferred('b', { reason: 'endpoint-busy' }),
      deferred('c', { waiting_since: null, created_at: since(9) }),
    )
    expect(await abandon(2)).toEqual({ keys: ['a', 'b'], logged: ['a', 'b'] })
    expect(await abandon(2)).toEqual({ keys: ['c'], logged: ['c'] })
    expect(await rowOf(database.sql, 'a')).toMatchObject({ state: 'dead', reason: 'endpoint-unavailable', destination: 'e', attempt: 0 })
    expect((await rowOf(database.sql, 'a')).finished_at).not.toBeNull()
  })

  it.each([
    ['has been away for less', 76, 1],
    ['was not tried of late', 200, 4],
    ['is not on record as away', null, null],
  ])('stay when the destination %s', async (_, open, failed) => {
    if (open !== null) await away(open, failed)
    await insertIntents(database.sql, deferred('a'))
    expect((await abandon()).keys).toEqual([])
  })

  it('stay when they were deferred after the last failure, have another group, kind or destination, or wait for something else', async () => {
    await away(77, 1)
    await insertIntents(
      database.sql,
      deferred('newer', { waiting_since: since(0) }),
      deferred('group', { group_name: 'others' }),
      deferred('kind', { kind: 'letter' }),
      deferred('destination', { destination: 'f' }),
      deferred('retry', { reason: 'timeout' }),
      deferred('claimed', { state: 'claimed' }),
    )
    expect((await abandon()).keys).toEqual([])
  })

  it('stay when their delivery log cannot be written', async () => {
    await away(77, 1)
    await insertIntents(database.sql, deferred('a'))
    await expect(store().abandonDeferred(abandonment, () => Promise.reject(new Error('no log')))).rejects.toThrow('no log')
    expect(await rowOf(database.sql, 'a')).toMatchObject({ state: 'pending', reason: 'endpoint-open' })
  })
})
