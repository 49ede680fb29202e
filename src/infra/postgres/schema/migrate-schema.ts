import { Client, type QueryResult } from 'pg'
import Postgrator from 'postgrator'
import { backoff } from '../../../std/backoff.ts'
import { systemClock, type Clock } from '../../../std/clock.ts'
import { OperatorError } from '../../../std/failure.ts'
import { driverConnection, type ConnectionSettings } from '../client/connection-settings.ts'
import { refusalOf, requireOwnership, requirePlatformTables, unreachable } from './migration-refusal.ts'
import { migrationFolder, newestVersion, nameOfSet, versionTable, type MigrationSet } from './migration-set.ts'
import { DEFAULT_PLATFORM_SCHEMA, quotedSchema } from '../client/platform-schema.ts'
import { sessionSettings } from '../client/session-settings.ts'
import { sqlErrorOf } from '../client/sql-error.ts'

export interface MigrateOptions {
  /** One line per step, for a human. */
  readonly onProgress?: (line: string) => void
  /** Ends the wait for another migration or for a lock; a statement in flight is finished. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

interface PlacedOptions extends MigrateOptions {
  /** Where the platform's tables are. The files say `public`, and their checksums are fixed. */
  readonly schema: string
}

export interface Migrated {
  /** Versions of the schema before and after; 0 is none. */
  readonly from: number
  readonly to: number
  /** File names in the order in which they were applied. */
  readonly applied: readonly string[]
}

/** Lock timeout on live tables: the longest that queries queued behind the migration wait at a time; milliseconds. */
const LOCK_TIMEOUT_MS = 1_000
const LOCK_TRIES = 20
/** lock_not_available and deadlock_detected: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const tryAgain = new Set(['55P03', '40P01'])

/**
 * Brings a database to the newest version of a set, one migration at a time: each is applied whole and recorded, or not at
 * all. Concurrent calls wait for each other. A database that is newer than this build is left alone.
 *
 * @throws {OperatorError} unreachable database, missing rights, missing platform tables, a changed migration, or a table that
 * stays locked.
 * @throws {SqlError} what is wrong with TLS.
 */
export async function migrate(connection: ConnectionSettings, set: MigrationSet, options: MigrateOptions = {}): Promise<Migrated> {
  const { platformSchema: schema = DEFAULT_PLATFORM_SCHEMA } = connection
  const client = new Client({
    ...driverConnection(connection),
    application_name: `kafka-worker migrate ${nameOfSet(set)}`,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  // Without a listener a connection that breaks between two statements ends the process; the next statement fails anyway.
  client.on('error', () => {})
  try {
    await client.connect().catch((error: unknown) => {
      throw unreachable(client, error)
    })
    // Building an index on a large table takes as long as it takes, whatever the role's own settings say.
    await client.query(sessionSettings(schema, { statementMs: 0, lockMs: 0, idleInTransactionMs: 0 }))
    return await underLock(client, set, { ...options, schema }).catch(async (error: unknown) => {
      throw await refusalOf(client, set, error)
    })
  } finally {
    // Ends the session, and the advisory lock with it. A lost connection was reported by the statement before.
    await client.end().catch(() => undefined)
  }
}

async function underLock(client: Client, set: MigrationSet, options: PlacedOptions): Promise<Migrated> {
  const clock = options.clock ?? systemClock
  // Polled instead of waited for: CREATE INDEX CONCURRENTLY waits for every statement that began before
  // it, and so for one that waits for this lock, while that one waits for us.
  for (let attempt = 1; !(await tryLock(client)); attempt++) {
    if (attempt === 1) options.onProgress?.(`${nameOfSet(set)}: waiting for another migration of this database`)
    await clock.sleep(backoff(Math.min(attempt, 3), { baseMs: 100, maxMs: 1_000 }), options.signal)
    if (options.signal?.aborted) throw new OperatorError('The migration was given up while another one was running.')
  }
  if (set === 'worker') await requirePlatformTables(client, options.schema)
  const runner = new Postgrator({
    driver: 'pg',
    schemaTable: versionTable(set).replace(/^platform/, options.schema),
    // The folder's own path is no pattern.
    migrationPattern: `${migrationFolder(set).replaceAll(/[?*()[\]{}]/g, '[$&]')}/*`,
    newline: 'LF',
    ...steps(client, set, options),
  })
  runner.on('migration-started', ({ version, name }) => options.onProgress?.(`${nameOfSet(set)}: applying ${version} ${name}`))
  const from = await runner.getDatabaseVersion()
  if (set === 'worker' && from < (await newestVersion(set))) await requireOwnership(client, options.schema)
  const applied = await runner.migrate()
  return {
    from,
    to: await runner.getDatabaseVersion(),
    applied: applied.map(({ filename }) => filename.slice(filename.lastIndexOf('/') + 1)),
  }
}

async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(
    `SELECT pg_try_advisory_lock(hashtextextended('kafka-worker:migrations', 0)) AS got`,
  )
  return rows[0]?.got === true
}

/**
 * How the runner executes statements. It runs a script and then records its version by a separate statement; a process that dies between
 * the two would leave tables without a recorded version. The script therefore leaves its transaction open, and the recording commits it.
 * Statements that cannot run inside a transaction can be repeated instead.
 */
function steps(client: Client, set: MigrationSet, options: PlacedOptions) {
  const clock = options.clock ?? systemClock
  let open = false

  async function execQuery(query: string): Promise<QueryResult> {
    const result = await client.query(query)
    if (open) {
      await client.query('COMMIT')
      open = false
    }
    return result
  }

  async function execSqlScript(file: string): Promise<void> {
    const script = file.replaceAll(/\bpublic\.(?=[a-z_])/g, `${quotedSchema(options.schema)}.`)
    const index = /CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+(\w+)\s+ON\s+"?([\w-]+)"?\./i.exec(script)
    if (index?.[1] !== undefined && index[2] !== undefined) {
      await dropInvalidIndex(client, index[2], index[1])
      // No lock_timeout here: the lock that this needs keeps no reader or writer waiting, and giving up leaves a broken index.
      await client.query(script)
      return
    }
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
        await client.query(script)
        open = true
        return
      } catch (error) {
        await client.query('ROLLBACK')
        if (!tryAgain.has(sqlErrorOf(error).state ?? '') || attempt === LOCK_TRIES || options.signal?.aborted) throw error
        options.onProgress?.(`${nameOfSet(set)}: a table is locked by another session, trying again (${attempt} of ${LOCK_TRIES})`)
        await clock.sleep(backoff(attempt, { baseMs: 250, maxMs: 5_000 }), options.signal)
      }
    }
  }

  return { execQuery, execSqlScript }
}

/** An index whose build was interrupted remains, maintained but never used, and IF NOT EXISTS would keep it. */
async function dropInvalidIndex(client: Client, schema: string, index: string): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND NOT i.indisvalid`,
    [schema, index],
  )
  if (rowCount === 1) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${quotedSchema(schema)}.${index}`)
}
