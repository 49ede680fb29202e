import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { SqlError, type Sql, type Database } from '../../../src/std/sql.ts'
import { startPostgres, type PostgresServer } from '../../../stack/postgres-server.ts'
import { openPool } from './open-pool.ts'

// A server of its own: these tests stop it.
let server: PostgresServer
const opened: Database[] = []

beforeAll(async () => {
  server = await startPostgres()
  await run(
    `CREATE TABLE note (id int PRIMARY KEY, body text UNIQUE CHECK (length(body) < 50), CONSTRAINT no_ghost CHECK (body <> 'ghost'))`,
  )
})
afterAll(async () => server.stop())
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.end()))
  await run('TRUNCATE note')
})

test('values have the types of the port: ids and bigint are strings, jsonb is parsed, bytea is a Buffer, timestamptz a Date', async () => {
  const [row] = await pool().sql.query(
    `SELECT '00000000-0000-4000-8000-000000000001'::uuid AS id, 9007199254740993::bigint AS big, '{"a":[1]}'::jsonb AS json,
            '\\x00ff'::bytea AS bytes, '2026-01-02T03:04:05.678Z'::timestamptz AS at, 7 AS int, NULL AS nothing`,
  )
  expect(row).toEqual({
    id: '00000000-0000-4000-8000-000000000001',
    big: '9007199254740993',
    json: { a: [1] },
    bytes: Buffer.from([0, 255]),
    at: new Date('2026-01-02T03:04:05.678Z'),
    int: 7,
    nothing: null,
  })
})

test('a transaction commits when its work returns, and nothing when its work throws', async () => {
  const database = pool()
  await expect(
    database.transaction(async (tx) => {
      await tx.query(`INSERT INTO note VALUES (1, 'lost')`)
      throw new TypeError('no')
    }),
  ).rejects.toThrow(TypeError)
  expect(await database.transaction(async (tx) => tx.query(`INSERT INTO note VALUES (2, 'kept') RETURNING id`))).toEqual([{ id: 2 }])
  expect(await database.sql.query('SELECT id FROM note')).toEqual([{ id: 2 }])
  expect(database.stats()).toEqual({ total: 1, idle: 1, waiting: 0 })
})

test('a transaction whose work swallows the error of a statement does not report a commit', async () => {
  const database = pool()
  await expect(
    database.transaction(async (tx) => {
      await tx.query(`INSERT INTO note VALUES (1, 'first')`)
      await tx.query(`INSERT INTO note VALUES (1, 'again')`).catch(() => undefined)
    }),
  ).rejects.toMatchObject({ name: 'SqlError', state: '25P02' })
  expect(await database.sql.query('SELECT FROM note')).toEqual([])
})

test("a statement sent to a transaction that has ended is refused instead of running in somebody else's", async () => {
  let escaped: Sql | undefined
  await pool().transaction(async (tx) => {
    escaped = tx
  })
  await expect(escaped?.query('SELECT 1')).rejects.toThrow('has ended')
})

test('errors contain the SQLSTATE and the constraint, never a value of a row', async () => {
  const { sql } = pool()
  const secret = 'someone@example.com'
  await sql.query('INSERT INTO note VALUES (1, $1)', [secret])
  const statements: [string, unknown[], string, string | undefined][] = [
    ['INSERT INTO note VALUES (2, $1)', [secret], '23505', 'note_body_key'],
    ['INSERT INTO note VALUES (2, $1)', ['ghost'], '23514', 'no_ghost'],
    ['SELECT $1::uuid', [secret], '22P02', undefined],
    ['SELECT $1::text::int', [secret], '22P02', undefined],
    ['SELECT $1::jsonb', [`{"a": ${secret}}`], '22P02', undefined],
    ['SELECT $1::text', [`${secret}\0`], '22021', undefined],
    [`DO $$ BEGIN RAISE EXCEPTION '${secret}'; END $$`, [], 'P0001', undefined],
  ]
  for (const [text, parameters, state, constraint] of statements) {
    const error = await sql.query(text, parameters).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SqlError)
    expect(error).toMatchObject({ state, constraint })
    expect(`${String(error)} ${JSON.stringify(error)} ${error instanceof Error ? String(error.cause) : ''}`).not.toMatch(/someone|ghost'/)
  }
  expect(await sql.query('SELECT 1 AS still')).toEqual([{ still: 1 }])
})

test('a wrong name is reported, because it is no value of a row', async () => {
  await expect(pool().sql.query('SELECT * FROM nowhere')).rejects.toThrow('relation "nowhere" does not exist (SQLSTATE 42P01)')
})

test('every connection has its time limits', async () => {
  const { sql } = pool({ statementTimeoutMs: 1_234 })
  const limits = `SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') ORDER BY 1`
  const settings = await sql.query<{ name: string; setting: string }>(limits)
  expect(settings).toEqual([
    { name: 'idle_in_transaction_session_timeout', setting: '30000' },
    { name: 'lock_timeout', setting: '5000' },
    { name: 'statement_timeout', setting: '1234' },
  ])
  expect(await pool({ lockTimeoutMs: 2_000 }).sql.query(limits)).toContainEqual({ name: 'lock_timeout', setting: '2000' })
  await expect(pool({ statementTimeoutMs: 50 }).sql.query('SELECT pg_sleep(10)')).rejects.toMatchObject({ state: '57014' })
})

test.each(['fast', 'immediate'] as const)(
  'a server restart (%s) fails calls in progress, ends no process, and the next call reconnects',
  async (mode) => {
    const trouble = vi.fn<(cause: string) => void>()
    const database = pool({}, trouble)
    await Promise.all([1, 2, 3].map(async () => database.sql.query('SELECT pg_sleep(0.05)')))

    const inside = Promise.withResolvers<void>()
    const restarted = Promise.withResolvers<void>()
    // One checked out and silent, one in the middle of a statement, the others idle.
    const silent = database.transaction(async (tx) => {
      await tx.query(`INSERT INTO note VALUES (1, 'never')`)
      inside.resolve()
      await restarted.promise
      return tx.query('SELECT 1')
    })
    const running = database.sql.query('SELECT pg_sleep(60)')
    const ends = Promise.allSettled([silent, running])
    await inside.promise
    await server.restart(mode)
    restarted.resolve()
    for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: { name: 'SqlError' } })
    expect(trouble).toHaveBeenCalled()

    expect(await database.sql.query('SELECT id FROM note')).toEqual([])
    expect(database.stats()).toEqual({ total: 1, idle: 1, waiting: 0 })
  },
)

test('a connection that is cut inside a transaction is not used again', async () => {
  const database = pool({ max: 1 })
  const cut = database.transaction(async (tx) => {
    const [me] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await run(`SELECT pg_terminate_backend(${me?.pid})`)
    await tx.query('SELECT 1')
  })
  await expect(cut).rejects.toBeInstanceOf(SqlError)
  expect(await database.sql.query('SELECT 1 AS alive')).toEqual([{ alive: 1 }])
})

test('a connection whose server process no longer replies is closed shortly after the statement timeout', async () => {
  const database = pool({ max: 1, statementTimeoutMs: 1_000 })
  const [frozen] = await database.sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const pid = frozen?.pid ?? Number.NaN
  process.kill(pid, 'SIGSTOP')
  try {
    await expect(database.transaction(async (tx) => tx.query('SELECT 1'))).rejects.toMatchObject({ name: 'SqlError', state: undefined })
    const [next] = await database.sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    expect(next?.pid).not.toBe(pid)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
})

test('without a server the error has no state and names what failed', async () => {
  const database = pool()
  await server.halt()
  try {
    await expect(database.sql.query('SELECT 1')).rejects.toMatchObject({ name: 'SqlError', state: undefined })
    await expect(database.transaction(async () => 1)).rejects.toThrow(/^The connection to the database failed: .*ECONNREFUSED/)
  } finally {
    await server.resume()
  }
})

test('a session is one connection: settings and locks last between its transactions, until it ends', async () => {
  const database = pool({ max: 2 })
  const locks = async () => (await database.sql.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711`)).length
  const seen = await database.session(async (session) => {
    await session.sql.query(`SELECT pg_advisory_lock(4711), set_config('work_mem', '123kB', false)`)
    await session.transaction(async (tx) => tx.query('DECLARE kept CURSOR WITH HOLD FOR SELECT generate_series(1, 3) AS n'))
    await expect(session.transaction(() => Promise.reject(new TypeError('no')))).rejects.toThrow(TypeError)
    expect(await locks()).toBe(1)
    return [
      ...(await session.sql.query('SHOW work_mem')),
      ...(await session.sql.query('FETCH 2 FROM kept')),
      ...(await session.sql.query('FETCH 2 FROM kept')),
    ]
  })
  expect(seen).toEqual([{ work_mem: '123kB' }, { n: 1 }, { n: 2 }, { n: 3 }])
  expect(database.stats().total).toBe(1)
  await expect.poll(locks).toBe(0)
})

test('a session whose connection is lost fails with every later statement, and never continues on another connection', async () => {
  const database = pool({ max: 2 })
  const lost = database.session(async (session) => {
    const [me] = await session.sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await run(`SELECT pg_terminate_backend(${me?.pid})`)
    await expect(session.sql.query('SELECT 1')).rejects.toBeInstanceOf(SqlError)
    await expect(session.transaction((tx) => tx.query('SELECT 1'))).rejects.toBeInstanceOf(SqlError)
    return session.sql.query('SELECT 1')
  })
  await expect(lost).rejects.toBeInstanceOf(SqlError)
  expect(await database.sql.query('SELECT 1 AS alive')).toEqual([{ alive: 1 }])
})

test('a caller waits for a free connection no longer than the connect timeout', async () => {
  const database = pool({ max: 1, connectTimeoutMs: 2_000 })
  await database.transaction(async () => {
    await expect(database.sql.query('SELECT 1')).rejects.toMatchObject({ name: 'SqlError', state: undefined })
  })
})

test('end returns one promise to every caller, and later calls are rejected', async () => {
  const database = openPool(server.url)
  await database.sql.query('SELECT 1')
  expect(database.end()).toBe(database.end())
  await database.end()
  await expect(database.sql.query('SELECT 1')).rejects.toBeInstanceOf(SqlError)
})

function pool(settings: Parameters<typeof openPool>[1] = {}, onTrouble?: (cause: string) => void): Database {
  const database = openPool(server.url, settings, onTrouble)
  opened.push(database)
  return database
}

async function run(statement: string): Promise<void> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
