import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countOpenLetters } from '../../../src/infra/postgres/ingest/open-letters.ts'
import { backlog, oldestDue } from '../../../src/infra/postgres/intents/due-counts.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

const group = 'email-workers'
const channels = ['email', 'webhook'] as const
/** As a scrape counts, on a smaller scale: both databases have more of everything. */
const LIMIT = 1_000

let small: MigratedDatabase
let large: MigratedDatabase
beforeAll(async () => {
  ;[small, large] = await Promise.all([migratedDatabase(), migratedDatabase()])
  await fill(small.sql, 2_000)
  await fill(large.sql, 40_000)
})
afterAll(() => Promise.all([small.close(), large.close()]))

/** Of each: due, waiting, deferred and ended; few of what is always few. Vacuumed, as the server does by itself. */
async function fill(sql: Sql, count: number): Promise<void> {
  const shapes = [
    ['sent', null, '-1 day', 'email', 'live', count],
    ['pending', null, '-1 hour', 'email', 'live', count],
    ['pending', null, '-1 hour', 'email', 'broadcast', count],
    ['pending', 'relay-rate', '1 hour', 'email', 'live', count],
    ['pending', 'endpoint-open', '3 days', 'webhook', 'live', count],
    ['pending', null, '1 hour', 'webhook', 'live', 7],
    ['claimed', null, '-1 hour', 'email', 'live', 5],
    ['ambiguous', null, '-1 minute', 'email', 'live', 3],
    ['held', null, '-1 hour', 'email', 'live', 2],
  ] as const
  for (const [index, [state, reason, due, channel, kindOfWork, rows]] of shapes.entries()) {
    await sql.query(
      `INSERT INTO worker.intents (group_name, kind, version, channel, key, event_id, event_at, due_at, campaign_id, state, reason, destination, class, lease_until)
       SELECT $1, 'mail', 1, $2, 'k' || $7::int || ':' || n, gen_random_uuid(), now(), now() + $3::interval + n * interval '1 ms',
              gen_random_uuid(), $4, $5, 'd' || n % 100, $8, CASE WHEN $4 = 'claimed' THEN now() + interval '1 hour' END
         FROM generate_series(1, $6::int) AS n`,
      [group, channel, due, state, reason, rows, index, kindOfWork],
    )
  }
  for (const [index, [name, state]] of (
    [
      [group, 'open'],
      [group, 'resolved'],
      ['another', 'open'],
    ] as const
  ).entries()) {
    await sql.query(
      `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", reason, state)
       SELECT $1, 'events', $2::int, n, 'not-json', $3 FROM generate_series(1, $4::int) AS n`,
      [name, index, state, count],
    )
  }
  await sql.query('VACUUM (ANALYZE) worker.dead_letters')
  await sql.query('ALTER TABLE worker.dead_letters SET (autovacuum_enabled = false)')
  await sql.query('VACUUM (ANALYZE) worker.intents')
  // Pages are counted, and its own would count.
  await sql.query('ALTER TABLE worker.intents SET (autovacuum_enabled = false)')
}

/** What a scrape counts for one group. */
const scrape = async (sql: Sql) => [
  await backlog(sql, group, LIMIT, channels),
  await oldestDue(sql, group, channels),
  await countOpenLetters(sql, [group, 'none'], LIMIT),
]

/** Pages of the tables and their indexes that a piece of work touches, by the server's own statistics. */
function touchedPages(database: MigratedDatabase, work: (sql: Sql) => Promise<unknown>): Promise<number> {
  return database.transaction(async (tx) => {
    const before = await fetchedPages(tx)
    await work(tx)
    return (await fetchedPages(tx)) - before
  })
}

/** By this session since it last reported, which it does between transactions, once a second at most: what came before may be in it. */
async function fetchedPages(tx: Sql): Promise<number> {
  const [row] = await tx.query<{ pages: number }>(
    `SELECT sum(pg_stat_get_xact_blocks_fetched(t) +
        (SELECT sum(pg_stat_get_xact_blocks_fetched(indexrelid)) FROM pg_index WHERE indrelid = t))::float8 AS pages
       FROM unnest('{worker.intents,worker.dead_letters}'::regclass[]) AS t`,
  )
  return row?.pages ?? 0
}

describe('what a scrape counts in the database', () => {
  test('is right up to its limit, whatever else there is', async () => {
    for (const { sql } of [small, large]) {
      const lines = await backlog(sql, group, LIMIT, channels)
      expect(Object.fromEntries(lines.map(({ channel, state, count }) => [`${channel} ${state}`, count]))).toEqual({
        'email due': LIMIT,
        'email waiting': LIMIT,
        'email ambiguous': 3,
        'email running': 5,
        'email held': 2,
        'webhook waiting': 7,
        'webhook deferred': LIMIT,
      })
      expect(await backlog(sql, 'another', LIMIT, channels)).toEqual([])
      expect(await countOpenLetters(sql, [group, 'another', 'none'], 1_500)).toEqual([
        { group, count: 1_500 },
        { group: 'another', count: 1_500 },
        { group: 'none', count: 0 },
      ])
    }
  })

  test('costs about as many pages at twenty times as many intents', async () => {
    const few = await touchedPages(small, scrape)
    const many = await touchedPages(large, scrape)
    console.log(`pages of a scrape: ${few} at 10,000 intents, ${many} at 200,000`)
    expect(few).toBeGreaterThan(10)
    // The planner reads them in another way where a table is small; pages that grew with it would be twenty times as many.
    expect(many).toBeLessThan(2 * few)
  })
})
