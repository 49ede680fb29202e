import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { claimOne, endLeases, insertIntents, request, rowOf } from './intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let database: MigratedDatabase
let store: IntentStore
beforeAll(async () => {
  database = await migratedDatabase()
  store = createIntentStore(database, { channels: channelNames })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('DELETE FROM worker.intents'))

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
const keysOf = (intents: readonly { key: string }[]) => intents.map(({ key }) => key)

describe('claim', () => {
  it('takes live before broadcast before replay, oldest due first, and no more than requested', async () => {
    await insertIntents(
      database.sql,
      { key: 'replay', class: 'replay', due_at: minutesAgo(90) },
      { key: 'live 2', due_at: minutesAgo(2) },
      { key: 'broadcast', class: 'broadcast', due_at: minutesAgo(60) },
      { key: 'live 1', due_at: minutesAgo(5) },
      { key: 'live 3', due_at: minutesAgo(1) },
    )
    expect(keysOf(await store.claim(request({ limit: 4 })))).toEqual(['live 1', 'live 2', 'live 3', 'broadcast'])
    expect(keysOf(await store.claim(request({ limit: 4 })))).toEqual(['replay'])
  })

  it('serves the given classes in their order, and no other', async () => {
    await insertIntents(database.sql, { key: 'l' }, { key: 'b', class: 'broadcast' }, { key: 'r', class: 'replay' })
    await database.transaction(async (tx) => {
      const inside = createIntentStore({ ...database, sql: tx }, { channels: channelNames })
      expect(keysOf(await inside.claim(request({ order: ['replay', 'live', 'broadcast'], limit: 2 })))).toEqual(['r', 'l'])
    })
    await database.sql.query(`UPDATE worker.intents SET state = 'pending'`)
    expect(keysOf(await store.claim(request({ order: ['broadcast', 'live'] })))).toEqual(['b', 'l'])
  })

  it('takes no more intents of replays than it may, and none before a live one that is due', async () => {
    const replays = Array.from({ length: 3 }, (_, n) => ({ key: `replay ${n}`, class: 'replay', due_at: minutesAgo(90 - n) }))
    await insertIntents(database.sql, ...replays, { key: 'live 1' }, { key: 'live 2' })
    expect(keysOf(await store.claim(request({ limit: 2, replays: 2 })))).toEqual(['live 1', 'live 2'])
    expect(await store.claim(request({ replays: 0 }))).toEqual([])
    expect(keysOf(await store.claim(request({ replays: 2 })))).toEqual(['replay 0', 'replay 1'])
  })

  it('takes only kinds that the process knows, and rows that are due and pending or ambiguous', async () => {
    await insertIntents(
      database.sql,
      { key: 'pending' },
      { key: 'ambiguous', state: 'ambiguous' },
      { key: 'later', due_at: minutesAgo(-1) },
      { key: 'ambiguous later', state: 'ambiguous', due_at: minutesAgo(-1) },
      { key: 'newer version', version: 2 },
      { key: 'other kind', kind: 'letter' },
      { key: 'other group', group_name: 'others' },
      { key: 'other channel', channel: 'webhook' },
      ...['claimed', 'handing_over', 'held', 'sent', 'delivered', 'skipped', 'dead', 'rejected', 'cancelled'].map((state) => ({
        key: state,
        state,
      })),
    )
    expect(keysOf(await store.claim(request())).sort()).toEqual(['ambiguous', 'pending'])
  })

  it('returns the row, counts the claim, and leases by the clock of the database', async () => {
    const eventId = '00000000-0000-4000-8000-0000000000ee'
    await insertIntents(database.sql, {
      key: 'k',
      data: { type: 'welcome' },
      event_id: eventId,
      user_id: eventId,
      event_at: new Date(0),
      destination: 'relay',
      claims: 3,
      attempt: 2,
      envelope: { to: 'someone@example.com' },
      body: Buffer.from('bytes'),
    })
    const intent = await claimOne(store, { leaseMs: 50_000 })
    expect(intent).toMatchObject({
      group: 'mailers',
      kind: 'mail',
      version: 1,
      channel: 'email',
      class: 'live',
      coalesce: false,
      eventId,
      userId: eventId,
      eventAt: new Date(0),
      destination: 'relay',
      data: { type: 'welcome' },
      attempt: 2,
      frozen: { envelope: { to: 'someone@example.com' }, body: Buffer.from('bytes') },
      claim: { owner: 'one', claims: 4 },
    })
    const [lease] = await database.sql.query<{ ms: number }>(
      'SELECT (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::float8 AS ms FROM worker.intents',
    )
    expect(lease?.ms).toBeGreaterThan(10_000)
    expect(lease?.ms).toBeLessThanOrEqual(50_000)
  })

  it('never gives one intent to two claimers', async () => {
    await database.sql.query(
      `INSERT INTO worker.intents (group_name, kind, version, channel, key, class, campaign_id)
       SELECT 'mailers', 'mail', 1, 'email', n::text, (ARRAY['live', 'broadcast', 'replay'])[1 + n % 3], gen_random_uuid()
         FROM generate_series(1, 600) AS n`,
    )
    const taken: string[] = []
    const claimer = async (owner: string) => {
      for (;;) {
        const intents = await store.claim(request({ owner, limit: 7 }))
        if (intents.length === 0) return
        taken.push(...keysOf(intents))
      }
    }
    await Promise.all(Array.from({ length: 10 }, (_, index) => claimer(`worker ${index}`)))
    // A claimer may have seen nothing free while the others held the rest of their locks.
    await claimer('last')
    expect(taken).toHaveLength(600)
    expect(new Set(taken).size).toBe(600)
  })

  it('skips locked rows instead of waiting for them', async () => {
    await insertIntents(database.sql, { key: 'locked', due_at: minutesAgo(5) }, { key: 'free' })
    await database.transaction(async (tx) => {
      await tx.query(`SELECT FROM worker.intents WHERE key = 'locked' FOR UPDATE`)
      expect(keysOf(await store.claim(request({ limit: 1 })))).toEqual(['free'])
    })
  })
})

describe('release', () => {
  it('returns claims of its own, due now, and leaves others alone', async () => {
    await insertIntents(database.sql, { key: 'ours', due_at: minutesAgo(1) }, { key: 'stolen' }, { key: 'claimed again' }, { key: 'done' })
    const intents = await store.claim(request())
    await database.sql.query(`UPDATE worker.intents SET owner = 'two' WHERE key = 'stolen'`)
    await database.sql.query(`UPDATE worker.intents SET claims = 2 WHERE key = 'claimed again'`)
    await database.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE key = 'done'`)
    await store.release(intents.map(({ claim }) => claim))
    expect(await rowOf(database.sql, 'ours')).toMatchObject({ state: 'pending', owner: null, lease_until: null, attempt: 0, claims: 1 })
    expect(await rowOf(database.sql, 'stolen')).toMatchObject({ state: 'claimed', owner: 'two' })
    expect(await rowOf(database.sql, 'claimed again')).toMatchObject({ state: 'claimed', owner: 'one' })
    expect(await rowOf(database.sql, 'done')).toMatchObject({ state: 'sent' })
    expect(keysOf(await store.claim(request()))).toEqual(['ours'])
    await store.release([])
  })

  it('leaves what goes back its place before what became due later', async () => {
    await insertIntents(database.sql, { key: 'older', due_at: minutesAgo(2) }, { key: 'newer', due_at: minutesAgo(1) })
    await store.release([(await claimOne(store, { limit: 1 })).claim])
    expect(keysOf(await store.claim(request()))).toEqual(['older', 'newer'])
  })
})

describe('expireLeases', () => {
  const options = { hold: false, ambiguousRetryMs: 60_000 }

  it('takes back only claims with an expired lease, in batches until none is left', async () => {
    const small = createIntentStore(database, { channels: channelNames, expireBatch: 2 })
    await insertIntents(database.sql, ...Array.from({ length: 5 }, (_, index) => ({ key: `old ${index}` })))
    await store.claim(request())
    await endLeases(database.sql)
    await insertIntents(database.sql, { key: 'young' })
    await claimOne(store)
    expect(await small.expireLeases(options)).toEqual({ reclaimed: 5, ambiguous: 0 })
    expect(await rowOf(database.sql, 'young')).toMatchObject({ state: 'claimed' })
    expect(await rowOf(database.sql, 'old 1')).toMatchObject({ state: 'pending', owner: null, lease_until: null })
    expect(await small.expireLeases(options)).toEqual({ reclaimed: 0, ambiguous: 0 })
  })

  it('skips a row that its worker is writing', async () => {
    await insertIntents(database.sql, { key: 'busy' })
    await claimOne(store)
    await endLeases(database.sql)
    await database.transaction(async (tx) => {
      await tx.query('SELECT FROM worker.intents FOR UPDATE')
      expect(await store.expireLeases(options)).toEqual({ reclaimed: 0, ambiguous: 0 })
    })
  })

  it('makes a mail in flight ambiguous, the second time held, and with the policy hold held at once', async () => {
    await insertIntents(
      database.sql,
      { key: 'first', state: 'handing_over', owner: 'one', lease_until: minutesAgo(1) },
      { key: 'second', state: 'handing_over', owner: 'one', lease_until: minutesAgo(1), ambiguous: 1 },
    )
    expect(await store.expireLeases(options)).toEqual({ reclaimed: 0, ambiguous: 2 })
    const first = await rowOf(database.sql, 'first')
    expect(first).toMatchObject({ state: 'ambiguous', ambiguous: 1, owner: 'one', reason: 'lease-over', finished_at: null })
    expect(first.due_at.getTime()).toBeGreaterThan(Date.now() + 30_000)
    expect(await rowOf(database.sql, 'second')).toMatchObject({ state: 'held', ambiguous: 2, owner: 'one' })

    await insertIntents(database.sql, { key: 'policy', state: 'handing_over', owner: 'one', lease_until: minutesAgo(1) })
    expect(await store.expireLeases({ ...options, hold: true })).toEqual({ reclaimed: 0, ambiguous: 1 })
    expect(await rowOf(database.sql, 'policy')).toMatchObject({ state: 'held', ambiguous: 1 })
  })
})
