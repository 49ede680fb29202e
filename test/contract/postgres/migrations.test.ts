import { Client } from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { newestVersion } from '../../../src/infra/postgres/schema/migration-set.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import { eventually } from '../../support/eventually.ts'
import { freshDatabase, type FreshDatabase } from '../../support/fresh.ts'
import { liveWrites } from '../../support/live-platform.ts'
import { openPool } from './open-pool.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'

const newest = await newestVersion('worker')
let fresh: FreshDatabase
let client: Client
let connection: { connectionString: string }

beforeEach(async () => {
  fresh = await freshDatabase()
  connection = { connectionString: fresh.url }
  client = new Client(connection)
  await client.connect()
})
afterEach(async () => {
  await client.end()
  await fresh.drop()
})

test('the sets migrate an empty database to the newest version, once', async () => {
  const lines: string[] = []
  expect(await migrate(connection, 'app')).toEqual({ from: 0, to: 1, applied: ['001.do.platform.sql'] })
  const first = await migrate(connection, 'worker', { onProgress: (line) => lines.push(line) })
  expect(first).toMatchObject({ from: 0, to: newest })
  expect(first.applied).toHaveLength(newest)
  expect(lines[0]).toBe('worker: applying 1 tables')
  expect(await migrate(connection, 'app')).toEqual({ from: 1, to: 1, applied: [] })
  expect(await migrate(connection, 'worker')).toEqual({ from: newest, to: newest, applied: [] })
})

test('concurrent migrations wait for each other, while indexes are built concurrently', async () => {
  await Promise.all([migrate(connection, 'app'), migrate(connection, 'app')])
  const ends = await Promise.all([1, 2, 3, 4].map(async () => migrate(connection, 'worker')))
  expect(ends.map(({ applied }) => applied.length).sort((a, b) => a - b)).toEqual([0, 0, 0, newest])
  expect(
    await rows(`SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND datname = current_database()`),
  ).toEqual([])
})

test("the platform's table changes by the two columns and two indexes only, and new people are dirty", async () => {
  await migrate(connection, 'app')
  const before = await shape()
  await migrate(connection, 'worker')
  const added = (await shape()).filter((line) => !before.includes(line))
  expect(added).toEqual([
    'column ranked_ppr integer NOT NULL 0',
    'column ranked_score bigint NULL none',
    expect.stringMatching(/^index waitlist_users_dirty .* USING btree \(campaign_id\) WHERE \(ranked_score IS DISTINCT FROM/),
    expect.stringMatching(
      /^index waitlist_users_ranked .*\(campaign_id, ranked_score, created_at, id\) WHERE \(ranked_score IS NOT NULL\)/,
    ),
  ])

  await people(['verified', 'verified', 'blocked'])
  expect(await rows(`SELECT position FROM waitlist_users WHERE ${dirty} ORDER BY 1`)).toEqual([{ position: 1 }, { position: 2 }])
  await client.query(`UPDATE waitlist_users SET ranked_score = original_position, ranked_ppr = 1`)
  expect(await rows(`SELECT position FROM waitlist_users WHERE ${dirty}`)).toEqual([{ position: 3 }])
  await client.query(`UPDATE waitlist_users SET verified_referral_count = 1 WHERE position = 2`)
  expect(await rows(`SELECT position FROM waitlist_users WHERE ${dirty} ORDER BY 1`)).toEqual([{ position: 2 }, { position: 3 }])
  await client.query('SET enable_seqscan = off')
  expect(JSON.stringify(await rows(`EXPLAIN SELECT DISTINCT campaign_id FROM waitlist_users WHERE ${dirty}`))).toContain(
    'waitlist_users_dirty',
  )
})

test('a platform can write while columns and indexes are created, even while an index waits for an open transaction', async () => {
  await migrate(connection, 'app')
  const pool = openPool(fresh.url)
  const over = new AbortController()
  try {
    const campaignId = await insertCampaign(pool.sql)
    await pool.sql.query(
      `INSERT INTO waitlist_users (campaign_id, email, referral_code, position, original_position)
       SELECT $1, n::text, n::text, n, n FROM generate_series(1, 20000) AS n`,
      [campaignId],
    )
    const users = await insertUsers(pool.sql, campaignId, 20)
    const writing = liveWrites(pool.sql, { campaignId, users, hardDeletes: false, seed: 1 }, over.signal)
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
    const lines: string[] = []
    const migrating = migrate(connection, 'worker', { onProgress: (line) => lines.push(line) }).finally(() => over.abort())
    await Promise.race([migrating, theIndexWaits(pool.sql)])
    expect(lines.at(-1)).toBe('worker: applying 3 ranked-index')
    // Without CONCURRENTLY, or behind a lock that is waited for, none of these would return before the commit.
    const joined = await insertUser(pool.sql, campaignId, { original_position: 20_001 })
    for (const id of [joined, ...users]) await pool.sql.query(`UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, [id])
    await pool.sql.query('DELETE FROM waitlist_users WHERE id = $1', [joined])
    await theIndexWaits(pool.sql)
    await client.query('COMMIT')
    expect((await migrating).to).toBe(newest)
    console.log(`writes beside the migrations of a table of 20,000: ${JSON.stringify(await writing)}`)
    expect(await pool.sql.query(indexes)).toEqual([
      { name: 'waitlist_users_dirty', valid: true },
      { name: 'waitlist_users_ranked', valid: true },
    ])
  } finally {
    over.abort()
    await pool.end()
  }
})

test('an index whose creation was interrupted is created again by the next migration', async () => {
  await migrate(connection, 'app')
  await people(['verified', 'blocked'])
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
  await asAnother(async (other) => {
    const sql = { query: async (statement: string) => (await other.query<{ pid: number }>(statement)).rows }
    const migrating = migrate(connection, 'worker').catch((error: unknown) => error)
    await Promise.race([migrating, theIndexWaits(sql)])
    await other.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kafka-worker migrate worker' AND datname = current_database()`,
    )
    expect(await migrating).toMatchObject({ name: 'SqlError', state: '57P01' })
  })
  await client.query('COMMIT')
  expect(await rows(indexes)).toEqual([{ name: 'waitlist_users_ranked', valid: false }])
  expect(await migrate(connection, 'worker')).toMatchObject({ from: 2, to: newest })
  expect(await rows(indexes)).toEqual([
    { name: 'waitlist_users_dirty', valid: true },
    { name: 'waitlist_users_ranked', valid: true },
  ])
})

test('a lock on a live table is requested briefly and repeatedly, so that no other session queues behind it for long', async () => {
  await migrate(connection, 'app')
  await people(['verified'])
  await client.query(`BEGIN; UPDATE waitlist_users SET points = 1`)
  let reads = 0
  /** How many reads had ended when a try was given up. */
  const readsAtTry: number[] = []
  await asAnother(async (other) => {
    const done = new AbortController()
    const migrating = migrate(connection, 'worker', {
      onProgress: (line) => {
        if (!line.includes('locked by another session')) return
        if (readsAtTry.push(reads) === 2) void client.query('COMMIT')
      },
    }).finally(() => done.abort())
    const reading = (async () => {
      while (!done.signal.aborted) {
        await other.query('SELECT count(*) FROM waitlist_users')
        reads += 1
      }
    })()
    const [end] = await Promise.all([migrating, reading])
    expect(end.to).toBe(newest)
  })
  expect(readsAtTry).toHaveLength(2)
  // The lock is held until the second try is given up: between the two a reader goes on.
  const [first = 0, second = 0] = readsAtTry
  expect(second).toBeGreaterThan(first)
})

test('a table that stays locked ends the migration with the way out, and applied migrations stay', async () => {
  await migrate(connection, 'app')
  await client.query(`BEGIN; LOCK TABLE waitlist_users IN ACCESS SHARE MODE`)
  const giveUp = new AbortController()
  const onProgress = (line: string) => {
    if (line.includes('applying 2')) giveUp.abort()
  }
  await refused(
    migrate(connection, 'worker', { onProgress, signal: giveUp.signal }),
    /stays locked by another session: end the long transaction/,
  )
  await client.query('COMMIT')
  expect(await migrate(connection, 'worker')).toMatchObject({ from: 1, to: newest })
})

test('a migration is applied and recorded together or not at all', async () => {
  await migrate(connection, 'app')
  await client.query('CREATE SCHEMA worker; CREATE TABLE worker.schema_versions (version bigint PRIMARY KEY CHECK (version <> 1))')
  await expect(migrate(connection, 'worker')).rejects.toMatchObject({ state: '23514' })
  expect(await rows(`SELECT tablename FROM pg_tables WHERE schemaname = 'worker'`)).toEqual([{ tablename: 'schema_versions' }])
  await client.query('ALTER TABLE worker.schema_versions DROP CONSTRAINT schema_versions_version_check')
  expect(await migrate(connection, 'worker')).toMatchObject({ from: 0, to: newest })
})

test('a migration that was changed after it was applied is rejected by its number', async () => {
  await both()
  await client.query(`UPDATE worker.schema_versions SET md5 = 'another' WHERE version = 2`)
  const message = await refused(migrate(connection, 'worker'), /^Migration 2 of the set "worker" is not the one that was applied/)
  expect(message).toContain('restore its file')
})

test('a database that is newer than this build is not changed', async () => {
  await both()
  await client.query(`INSERT INTO worker.schema_versions (version, name) VALUES (900, 'later')`)
  expect(await migrate(connection, 'worker')).toEqual({ from: 900, to: 900, applied: [] })
})

test("a database without the platform's tables is refused, with their names", async () => {
  const message = await refused(migrate(connection, 'worker'), /lacks the platform's tables public\.accounts, .*: point DATABASE_URL/)
  expect(message).toContain('public.webhook_deliveries')
  await migrate(connection, 'app')
  await client.query('DROP TABLE webhook_deliveries')
  await refused(migrate(connection, 'worker'), /lacks the platform's table public\.webhook_deliveries: /)
})

test('a role without rights is refused, with the missing rights', async () => {
  await migrate(connection, 'app')
  const role = `role_${fresh.name}`
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'hidden'`)
  try {
    const url = new URL(fresh.url)
    url.username = role
    url.password = 'hidden'
    const migrating = async () => migrate({ connectionString: url.href }, 'worker')
    expect(await refused(migrating(), new RegExp(`The role "${role}" may not`))).toContain('not the owner of table public.waitlist_users')
    await client.query(`GRANT CREATE ON SCHEMA public TO ${role}; ALTER TABLE waitlist_users OWNER TO ${role}`)
    expect(await refused(migrating(), /: run the migration as the owner/)).toContain('permission denied for database')
    await client.query(`GRANT CREATE ON DATABASE ${fresh.name} TO ${role}`)
    expect(await migrating()).toMatchObject({ from: 0, to: newest })
    await client.query('ALTER TABLE waitlist_users OWNER TO CURRENT_USER')
    expect(await migrating()).toMatchObject({ from: newest, to: newest })
  } finally {
    await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test('an unreachable database is named without its password', async () => {
  const nobody = { host: '127.0.0.1', port: 1, user: 'me', password: 'hidden', database: 'somewhere' }
  const message = await refused(
    migrate(nobody, 'worker'),
    /"somewhere" at 127\.0\.0\.1:1 cannot be reached \(.*ECONNREFUSED.*\): check DATABASE_URL/,
  )
  expect(message).not.toContain('hidden')
  const wrong = new URL(inject('postgresUrl'))
  wrong.password = 'guessed'
  expect(await refused(migrate({ connectionString: wrong.href }, 'worker'), /password authentication failed/)).not.toContain('guessed')
  wrong.href = inject('postgresUrl')
  wrong.pathname = '/nowhere'
  await refused(migrate({ connectionString: wrong.href }, 'worker'), /database "nowhere" does not exist/)
})

/** Word for word as in rule.ts and in migration 004. */
const dirty = `ranked_score IS DISTINCT FROM CASE WHEN deleted_at IS NULL AND status NOT IN ('blocked','removed') THEN original_position::bigint - verified_referral_count::bigint * ranked_ppr END`

const indexes = `
SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
 WHERE c.relname IN ('waitlist_users_ranked', 'waitlist_users_dirty') ORDER BY 1`

/** Resolves when an index is built and only waits for transactions that began before it. */
async function theIndexWaits(sql: { query(statement: string): Promise<object[]> }): Promise<void> {
  await eventually('the index waits', async () => {
    const waiting = await sql.query(
      `SELECT FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase = 'waiting for old snapshots' AND lockers_done < lockers_total`,
    )
    return waiting.length === 1 || 'not yet'
  })
}

async function refused(migrating: Promise<unknown>, words: RegExp): Promise<string> {
  const error = await migrating.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(OperatorError)
  const message = error instanceof Error ? error.message : ''
  expect(message).toMatch(words)
  return message
}

async function both(): Promise<void> {
  await migrate(connection, 'app')
  await migrate(connection, 'worker')
}

async function rows(statement: string): Promise<object[]> {
  return (await client.query<object>(statement)).rows
}

async function asAnother(work: (other: Client) => Promise<void>): Promise<void> {
  const other = new Client(connection)
  await other.connect()
  try {
    await work(other)
  } finally {
    await other.end()
  }
}

async function shape(): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT 'column ' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL ' ELSE ' NULL ' END || coalesce(column_default, 'none') AS line
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'waitlist_users'
     UNION ALL SELECT 'index ' || indexname || ' ' || indexdef FROM pg_indexes WHERE tablename = 'waitlist_users'
     UNION ALL SELECT 'constraint ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'public.waitlist_users'::regclass
     UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = 'public.waitlist_users'::regclass AND NOT tgisinternal
     ORDER BY 1`,
  )
  return rows.map(({ line }) => line)
}

/** One campaign with people in these states, in order of their positions. */
async function people(statuses: readonly string[]): Promise<void> {
  await client.query(
    `WITH account AS (INSERT INTO accounts (name, slug) VALUES ('Example', 'example') RETURNING id),
          campaign AS (INSERT INTO campaigns (account_id, name, slug) SELECT id, 'Example', 'example' FROM account RETURNING id)
     INSERT INTO waitlist_users (campaign_id, email, status, position, original_position, referral_code)
     SELECT campaign.id, 'person' || place || '@example.com', status, place, place, 'code' || place
       FROM campaign, unnest($1::text[]) WITH ORDINALITY AS s (status, place)`,
    [statuses],
  )
}
