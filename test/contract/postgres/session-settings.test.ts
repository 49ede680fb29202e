import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../../src/std/sql.ts'
import { hostileRole, hostileSettings, type HostileRole } from '../../support/hostile-role.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { openPool } from './open-pool.ts'

let db: MigratedDatabase
let role: HostileRole
let pool: Database

beforeAll(async () => {
  db = await migratedDatabase()
  role = await hostileRole(db.sql, db.url)
  pool = openPool(role.url)
})
afterAll(async () => {
  await pool.end()
  await role[Symbol.asyncDispose]()
  await db.close()
})

test('a new connection has every setting that our statements depend on, whatever the settings of its role', async () => {
  const rows = await pool.sql.query<{ name: string; setting: string }>(
    'SELECT lower(name) AS name, setting FROM pg_settings WHERE lower(name) = ANY ($1)',
    [[...Object.keys(hostileSettings), 'client_encoding']],
  )
  const ours = {
    search_path: 'public, pg_temp',
    client_encoding: 'UTF8',
    datestyle: 'ISO, MDY',
    intervalstyle: 'postgres',
    timezone: 'UTC',
    extra_float_digits: '1',
    bytea_output: 'hex',
    standard_conforming_strings: 'on',
    array_nulls: 'on',
    transform_null_equals: 'off',
    plan_cache_mode: 'auto',
    client_min_messages: 'warning',
    synchronous_commit: 'on',
    default_transaction_isolation: 'read committed',
    default_transaction_deferrable: 'off',
    statement_timeout: '10000',
    lock_timeout: '5000',
    idle_in_transaction_session_timeout: '30000',
    idle_session_timeout: '0',
    transaction_timeout: '0',
  }
  const found = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
  expect(found).toEqual(Object.fromEntries(Object.entries(ours).filter(([name]) => name in found)))
  // The server of the tests may be too old for the last one only.
  expect(Object.keys(found).length).toBeGreaterThanOrEqual(Object.keys(ours).length - 1)
})

test('a stronger synchronous_commit than ours is kept', async () => {
  const cautious = new URL(db.url)
  cautious.searchParams.set('options', '-c synchronous_commit=remote_apply')
  const other = openPool(cautious.href)
  try {
    expect(await other.sql.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'remote_apply' }])
  } finally {
    await other.end()
  }
})

test("values arrive as they are, and names mean the system's functions and the platform's tables", async () => {
  const at = new Date('2026-01-02T03:04:05.678Z')
  const values = ['platform.campaigns', 'A Name', [null, 'NULL'], at, 0.1 + 0.2, Buffer.from([0, 255])]
  const [row] = await pool.sql.query(
    `SELECT to_regclass('platform.campaigns')::text AS table, $1 = 'platform.campaigns' AS equal, lower($2) AS lower, $3::text[] AS list,
            $4::timestamptz AS at, $4::timestamptz::text AS words, $5::float8 AS float, $6::bytea AS bytes,
            now() > '2020-01-01' AS recent, interval '1 day 2 hours'::text AS interval, current_setting('transaction_isolation') AS isolation`,
    values,
  )
  expect(row).toEqual({
    table: 'campaigns',
    // The parameter is data: only texts of ours are rewritten.
    equal: false,
    lower: 'a name',
    list: [null, 'NULL'],
    at,
    words: '2026-01-02 03:04:05.678+00',
    float: 0.1 + 0.2,
    bytes: Buffer.from([0, 255]),
    recent: true,
    interval: '1 day 02:00:00',
    isolation: 'read committed',
  })
})

test('an unqualified table is one of the platform, never of another schema or a temporary one', async () => {
  await db.sql.query(`INSERT INTO accounts (name, slug) VALUES ('One', 'one')`)
  await pool.transaction(async (tx) => {
    await tx.query('CREATE TEMPORARY TABLE accounts (id uuid) ON COMMIT DROP')
    expect(await tx.query('SELECT name FROM platform.accounts')).toEqual([{ name: 'One' }])
    expect(await tx.query('SELECT name FROM accounts')).toEqual([{ name: 'One' }])
  })
})

test('an idle session is not closed, and a statement has our timeout', async () => {
  await pool.session(async ({ sql }) => {
    const [before] = await sql.query('SELECT pg_backend_pid() AS pid')
    // Longer than the role allows a statement, a transaction and rest in one.
    await sql.query('SELECT pg_sleep(1.2)')
    expect(await sql.query('SELECT pg_backend_pid() AS pid')).toEqual([before])
  })
})
