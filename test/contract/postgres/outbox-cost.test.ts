import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPublisher } from '../../../src/events/publisher.ts'
import { blockLimits } from '../../../src/outbox/publish-block.ts'
import { countOutbox } from '../../../src/outbox/postgres-outbox-counts.ts'
import { applySettings, openOutboxSession, readBlock } from '../../../src/outbox/postgres-outbox-session.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

interface Plan {
  readonly 'Node Type': string
  readonly 'Index Name'?: string
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly Plan[]
}

let small: MigratedDatabase
let large: MigratedDatabase
beforeAll(async () => {
  ;[small, large] = await Promise.all([migratedDatabase(), migratedDatabase()])
  await fill(small.sql, 1_000)
  await fill(large.sql, 1_000_000)
})
afterAll(() => Promise.all([small.close(), large.close()]))

/** All of them published but the last hundred, a few of them failed; vacuumed, as the server does by itself. */
async function fill(sql: Sql, count: number): Promise<void> {
  await sql.query(
    `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload, published_at, failed_at)
     SELECT gen_random_uuid(), 'campaign', md5((n % 1000)::text), 'user.signed_up', 'events', repeat('x', 300),
            CASE WHEN n <= $1::int - 100 AND n % 10000 <> 0 THEN now() END, CASE WHEN n <= $1::int - 100 AND n % 10000 = 0 THEN now() END
       FROM generate_series(1, $1::int) AS n`,
    [count],
  )
  await sql.query('VACUUM (ANALYZE) worker.outbox')
  // Pages are counted, and its own would count.
  await sql.query('ALTER TABLE worker.outbox SET (autovacuum_enabled = false)')
}

/** Pages that a statement touches. */
function pagesOf(plan: Plan): number {
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
}

function nodesOf(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

/** As the relay's session runs it. */
function explain(database: MigratedDatabase, text: string, parameters: readonly unknown[]): Promise<Plan> {
  return database.session(async ({ sql }) => {
    await applySettings(sql)
    return explained(sql, text, parameters)
  })
}

async function explained(sql: Sql, text: string, parameters: readonly unknown[]): Promise<Plan> {
  // Twice: the first run reads pages into the cache and writes hint bits.
  const read = () =>
    sql.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, parameters)
  await read()
  const [row] = await read()
  const plan = row?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('the server explains nothing')
  return plan
}

/** Pages of the table and its indexes that a piece of work touches, by the server's own statistics. */
async function touchedPages(database: MigratedDatabase, work: () => Promise<unknown>): Promise<number> {
  await work()
  await settle()
  const before = await fetchedPages(database)
  await work()
  await settle()
  return (await fetchedPages(database)) - before
}

async function fetchedPages(database: MigratedDatabase): Promise<number> {
  const [row] = await database.sql.query<{ pages: number }>(
    `SELECT (pg_stat_get_blocks_fetched('worker.outbox'::regclass) + (SELECT sum(pg_stat_get_blocks_fetched(indexrelid)) FROM pg_index WHERE indrelid = 'worker.outbox'::regclass))::float8 AS pages`,
  )
  return row?.pages ?? 0
}

/** Statistics of a connection arrive within a second or two of its being idle, and later on a busy machine. */
function settle(): Promise<void> {
  return pause(4_000)
}

test('a block is read along the index of unpublished rows, and costs as much among a million rows as among a thousand', async () => {
  const parameters = [3, blockLimits.rows, blockLimits.bytes, blockLimits.rowBytes]
  const plans = [await explain(small, readBlock, parameters), await explain(large, readBlock, parameters)]
  for (const plan of plans) {
    const scans = nodesOf(plan).filter((node) => node['Node Type'].includes('Scan') && node['Node Type'] !== 'Subquery Scan')
    expect(scans.map((node) => [node['Node Type'], node['Index Name']])).toEqual([['Index Scan', 'outbox_unpublished']])
  }
  const [few, many] = plans.map(pagesOf)
  expect(many).toBeLessThan((few ?? 0) + 20)
})

test('a block of a backlog costs no more than its rows, also while the statistics are those of an empty outbox', async () => {
  await small.sql.query(
    `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload)
     SELECT gen_random_uuid(), 'campaign', md5((n % 1000)::text), 'user.signed_up', 'events', repeat('x', 300) FROM generate_series(1, 100000) AS n`,
  )
  const plan = await explain(small, readBlock, [3, blockLimits.rows, blockLimits.bytes, blockLimits.rowBytes])
  expect(pagesOf(plan)).toBeLessThan(1_000)
})

test('looking for work and counting what waits touch no published row', async () => {
  const session = await openOutboxSession(large)
  try {
    expect(await touchedPages(large, () => session.due([0, 1, 2, 3, 4, 5, 6, 7]))).toBeLessThan(100)
  } finally {
    await session.close()
  }
  expect(await touchedPages(large, () => countOutbox(large.sql, 100_000))).toBeLessThan(400)
  expect(await countOutbox(large.sql, 100_000)).toMatchObject({ due: 100, failed: 99 })
})

test('publishing in a transaction touches as many pages with a million rows in the table as with a thousand', async () => {
  const publisher = createPublisher({ transport: { send: () => Promise.reject(new Error('nothing is sent')) }, topic: 'events' })
  const about = { accountId: randomUUID(), campaignId: randomUUID() }
  const publish = (database: MigratedDatabase) =>
    database.transaction(async (tx) => {
      const one = publisher.inTransaction({ query: (text, values) => tx.query(text, values) })
      for (let n = 0; n < 100; n++) await one.publishUserSignedUp({ ...about, userId: randomUUID(), email: 'guest@example.com' })
    })
  const [few, many] = [await touchedPages(small, () => publish(small)), await touchedPages(large, () => publish(large))]
  process.stderr.write(`  a publish touches ${few / 100} pages among a thousand rows, ${many / 100} among a million\n`)
  expect(few).toBeGreaterThan(0)
  // The indexes of a million rows are a level or two deeper.
  expect(many).toBeLessThan(few + 100 * 12)
})
