import { Pool, type ClientBase, type PoolClient, type QueryResult } from 'pg'
import { FailureGate } from '../../../std/failure-gate.ts'
import { SqlError, type Database, type Session, type Sql, type StatementInFlight } from '../../../std/sql.ts'
import { driverConnection, driverTypes, type ConnectionSettings } from './connection-settings.ts'
import { DEFAULT_PLATFORM_SCHEMA, inPlatformSchema } from './platform-schema.ts'
import { sessionSettings } from './session-settings.ts'
import { statementName } from './statement-name.ts'
import { connectionCause, isConnectionLost, sqlErrorOf } from './sql-error.ts'

export interface DatabaseSettings {
  readonly connection: ConnectionSettings
  /** Connections at most. */
  readonly max: number
  /** Seen in `pg_stat_activity`. */
  readonly applicationName: string
  /** The server gives a statement up after this; we give the connection up when even that word does not arrive. */
  readonly statementTimeoutMs: number
  /** For one lock; five seconds when not given. */
  readonly lockTimeoutMs?: number
  /** For connecting, for the settings of a new connection, and for waiting until one of `max` connections is free. */
  readonly connectTimeoutMs: number
  /** Statements may read whole tables; without it no plan does that where an index fits. */
  readonly wholeTables?: boolean
  /** Shared by the pools of one server, so that it is tried by one of them for all; one of its own when not given. */
  readonly gate?: FailureGate<SqlError>
  /** Called with the milliseconds that each caller waited for a connection, whether or not there was one. */
  readonly onWaited?: (ms: number) => void
}

const LOCK_TIMEOUT_MS = 5_000
const IDLE_IN_TRANSACTION_MS = 30_000
/** What the network may add to the server's own statement timeout before the connection counts as dead. */
const ANSWER_MARGIN_MS = 5_000

/** Prepared statements per connection at most. */
const MAX_PREPARED = 200

/** Bounds how often pools try to connect while they cannot. Pauses are short: they are also how much later a server that is back is noticed. */
export function createConnectGate(): FailureGate<SqlError> {
  return new FailureGate({ baseMs: 100, maxMs: 1_000 })
}

/**
 * Connects on first use. `onTrouble` is called for connections that broke outside of any statement, which nothing else reports, and for
 * those that broke during one.
 */
export function openDatabase(settings: DatabaseSettings, onTrouble: (cause: string) => void = () => {}): Database {
  const { platformSchema = DEFAULT_PLATFORM_SCHEMA } = settings.connection
  const timeouts = {
    statementMs: settings.statementTimeoutMs,
    lockMs: settings.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
    idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
  }
  const settle = { text: sessionSettings(platformSchema, timeouts, settings.wholeTables), query_timeout: settings.connectTimeoutMs }
  const pool = new Pool({
    ...driverConnection(settings.connection),
    types: driverTypes,
    max: settings.max,
    application_name: settings.applicationName,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    query_timeout: settings.statementTimeoutMs + ANSWER_MARGIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // Awaited by the pool, whatever its types say: no other statement is sent before the settings hold, and a connection without them is closed.
    onConnect: (client): unknown => client.query(settle).then((results) => pids.set(client, pidOf(results))),
  })
  const { gate = createConnectGate() } = settings
  const pids = new WeakMap<ClientBase, number | null>()
  const underWay = new Set<StatementInFlight>()
  const broken = new WeakSet<ClientBase>()
  const statements = new Map<string, { readonly text: string; readonly name: string }>()

  // Both listeners keep the process alive: an 'error' event without a listener is thrown. The pool listens to its idle
  // clients only; a client that is checked out needs a listener of its own.
  pool.on('error', (error) => onTrouble(connectionCause(error)))
  pool.on('connect', (client) => {
    client.on('error', (error) => {
      broken.add(client)
      onTrouble(connectionCause(error))
    })
  })

  async function withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const requestedAt = performance.now()
    const client = await connected().finally(() => settings.onWaited?.(performance.now() - requestedAt))
    try {
      return await work(client)
    } finally {
      client.release(broken.has(client))
    }
  }

  async function connected(): Promise<PoolClient> {
    const needsNew = pool.idleCount === 0 && pool.totalCount < settings.max
    if (needsNew) return gate.run(() => pool.connect(), sqlErrorOf)
    return pool.connect().catch((error: unknown) => {
      throw sqlErrorOf(error)
    })
  }

  async function run(client: PoolClient, text: string, parameters?: readonly unknown[]): Promise<QueryResult> {
    const statement = { statement: nameOf(text), pid: pids.get(client) ?? null, since: performance.now() }
    underWay.add(statement)
    try {
      return await client.query(
        parameters === undefined ? { text: inPlatformSchema(text, platformSchema) } : { ...prepared(text), values: [...parameters] },
      )
    } catch (error) {
      if (isConnectionLost(error)) broken.add(client)
      throw sqlErrorOf(error)
    } finally {
      underWay.delete(statement)
    }
  }

  async function transactionOn<T>(client: PoolClient, work: (tx: Sql) => Promise<T>): Promise<T> {
    let open = true
    const tx: Sql = {
      query: async (text, parameters) => {
        if (!open) throw new Error('A statement was sent to a transaction that has ended.')
        return (await run(client, text, parameters)).rows
      },
    }
    await run(client, 'BEGIN ISOLATION LEVEL READ COMMITTED')
    let result: T
    try {
      result = await work(tx)
    } catch (error) {
      open = false
      if (!broken.has(client)) {
        // The error that matters is the one that work threw; a connection that cannot even roll back is not used again.
        await run(client, 'ROLLBACK').catch(() => broken.add(client))
      }
      throw error
    }
    open = false
    const { command } = await run(client, 'COMMIT')
    // The server answers COMMIT with ROLLBACK, and no error, when a statement failed and `work` went on regardless.
    if (command !== 'COMMIT') throw new SqlError('The transaction was rolled back: a statement in it had failed.', { state: '25P02' })
    return result
  }

  async function sessionOn<T>(client: PoolClient, work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await work({
        sql: { query: async (text, parameters) => (await run(client, text, parameters)).rows },
        transaction: (inside) => transactionOn(client, inside),
      })
    } finally {
      // The pool closes a client that it does not keep.
      broken.add(client)
    }
  }

  /**
   * Statements with parameters are prepared once per connection: planning the joins of one mail costs the server more than
   * running them. A role or proxy that cannot keep prepared statements between transactions cannot be used.
   */
  function prepared(text: string): { text: string; name?: string } {
    const known = statements.get(text)
    if (known !== undefined) return known
    const sent = inPlatformSchema(text, platformSchema)
    // Our texts are constants and few; whatever builds new ones forever must not fill the server's memory.
    if (statements.size >= MAX_PREPARED) return { text: sent }
    const statement = { text: sent, name: `kafka_worker_${statements.size}` }
    statements.set(text, statement)
    return statement
  }

  let ended: Promise<void> | undefined
  return {
    sql: { query: (text, parameters) => withClient(async (client) => (await run(client, text, parameters)).rows) },
    transaction: (work) => withClient((client) => transactionOn(client, work)),
    session: (work) => withClient((client) => sessionOn(client, work)),
    longestStatementMs: 2 * settings.connectTimeoutMs + settings.statementTimeoutMs + ANSWER_MARGIN_MS,
    statementsInFlight: () => [...underWay],
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    end: () => (ended ??= pool.end()),
  }
}

/** The driver answers several statements in one text by an array of results, which its types do not say. */
function pidOf(results: QueryResult | readonly QueryResult[]): number | null {
  const last: { rows: readonly { pid?: number }[] } | undefined = Array.isArray(results) ? results.at(-1) : results
  return last?.rows[0]?.pid ?? null
}

/** Of constant texts, so each is looked through once. */
function nameOf(text: string): string {
  let name = statementNames.get(text)
  if (name === undefined) {
    name = statementName(text)
    if (statementNames.size < 2 * MAX_PREPARED) statementNames.set(text, name)
  }
  return name
}

const statementNames = new Map<string, string>()
