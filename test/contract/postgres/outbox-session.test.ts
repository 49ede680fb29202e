import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { OUTBOX_SHARDS, type OutboxSession } from '../../../src/outbox/outbox-session.ts'
import { openOutboxSession } from '../../../src/outbox/postgres-outbox-session.ts'
import { countOutbox } from '../../../src/outbox/postgres-outbox-counts.ts'
import { SqlError, type Sql } from '../../../src/std/sql.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

const limits = { rows: 500, bytes: 1_000, rowBytes: 5_000 }
const shards = Array.from({ length: OUTBOX_SHARDS }, (_, shard) => shard)

let database: MigratedDatabase
const open: OutboxSession[] = []
beforeAll(async () => {
  database = await migratedDatabase()
})
beforeEach(() => database.sql.query('TRUNCATE worker.outbox'))
afterEach(async () => {
  for (const session of open.splice(0)) await session.close()
})
afterAll(() => database.close())

async function relay(): Promise<OutboxSession> {
  const session = await openOutboxSession(database)
  open.push(session)
  return session
}

async function insert(sql: Sql, key: string, payload: string): Promise<{ position: string; shard: number }> {
  const [row] = await sql.query<{ position: string; shard: number }>(
    `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload)
     VALUES (gen_random_uuid(), 'campaign', $1, 'user.signed_up', 'events', $2) RETURNING position, shard`,
    [key, payload],
  )
  if (row === undefined) throw new Error('nothing was inserted')
  return row
}

test('a shard has one relay at a time, and the relays know how many they are', async () => {
  const [one, two] = [await relay(), await relay()]
  expect([await one.relays(), await two.relays()]).toEqual([2, 2])
  expect([await one.take(3), await two.take(3), await two.take(4)]).toEqual([true, false, true])
  await one.release(3)
  expect(await two.take(3)).toBe(true)
  await two.close()
  await eventually('the other is gone', async () => (await one.relays()) === 1 || 'still there')
  expect(await one.take(4)).toBe(true)
})

test('keys are spread over all shards, and a key has one', async () => {
  const key = randomUUID()
  const found = new Set<number>()
  for (let index = 0; index < 200; index++) found.add((await insert(database.sql, randomUUID(), '{}')).shard)
  expect(found).toEqual(new Set(shards))
  expect((await insert(database.sql, key, '{}')).shard).toBe((await insert(database.sql, key, '{}')).shard)
})

test('a session whose connection was lost does nothing any more, and another has its shards', async () => {
  const [one, two] = [await relay(), await relay()]
  await one.take(0)
  await insert(database.sql, randomUUID(), '{}')
  await database.sql.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 0 AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  await eventually('the lock is free', async () => (await two.take(0)) || 'held')
  for (const call of [() => one.block(0, limits), () => one.relays(), () => one.take(5), () => one.due(shards)]) {
    await expect(call()).rejects.toThrow(SqlError)
  }
  expect(await two.relays()).toBe(1)
})

test('a position that is committed late is found although higher ones were published', async () => {
  const session = await relay()
  const key = randomUUID()
  const late = Promise.withResolvers<void>()
  const written = Promise.withResolvers<void>()
  let low = { position: '', shard: 0 }
  const slow = database.transaction(async (tx) => {
    low = await insert(tx, key, '"low"')
    written.resolve()
    await late.promise
  })
  await written.promise
  const high = await insert(database.sql, key, '"high"')
  const first = await session.block(high.shard, limits)
  expect(first.map(({ position }) => position)).toEqual([high.position])
  await session.settle(first, [])
  expect(await session.due(shards)).toEqual([])
  late.resolve()
  await slow
  expect(Number(low.position)).toBeLessThan(Number(high.position))
  expect(await session.due(shards)).toEqual([low.shard])
  expect(await session.block(low.shard, limits)).toMatchObject([{ position: low.position, key, payload: '"low"', bytes: 5, headers: {} }])
})

test('a block ends at its limits, holds one row at least, and leaves out a payload that is too large to read', async () => {
  const session = await relay()
  const key = randomUUID()
  const sizes = [300, 300, 300, 300, 2_000, 6_000, 400, 700]
  for (const size of sizes) await insert(database.sql, key, 'x'.repeat(size))
  const { shard } = await insert(database.sql, key, 'x')
  const blocks: (readonly (number | null)[])[] = []
  for (let block = await session.block(shard, limits); block.length > 0; block = await session.block(shard, limits)) {
    blocks.push(block.map(({ payload }) => payload?.length ?? null))
    await session.settle(block, [])
  }
  expect(blocks).toEqual([[300, 300, 300], [300], [2_000], [null, 400], [700, 1]])
})

test('a failed row is kept with its reason and read no more, and counts say what waits', async () => {
  const session = await relay()
  const key = randomUUID()
  const { shard } = await insert(database.sql, key, '"one"')
  await insert(database.sql, key, '"two"')
  await database.sql.query(`UPDATE worker.outbox SET created_at = now() - interval '90 seconds'`)
  const [one, two] = await session.block(shard, limits)
  if (one === undefined || two === undefined) throw new Error('two rows are due')
  expect(await countOutbox(database.sql, 10)).toMatchObject({ due: 2, failed: 0 })
  expect((await countOutbox(database.sql, 1)).due).toBe(1)
  expect((await countOutbox(database.sql, 10)).oldestSeconds).toBeGreaterThanOrEqual(90)
  await session.settle([two], [{ row: one, reason: 'unknown-topic', error: 'topic "events" does not exist' }])
  expect(await session.block(shard, limits)).toEqual([])
  expect(await database.sql.query('SELECT reason, error, published_at FROM worker.outbox WHERE failed_at IS NOT NULL')).toEqual([
    { reason: 'unknown-topic', error: 'topic "events" does not exist', published_at: null },
  ])
  expect(await countOutbox(database.sql, 10)).toEqual({ due: 0, failed: 1, oldestSeconds: 0 })
})
