/** Executes statements inside a transaction that the caller opened and will end. Implemented by infra/postgres. */
export interface Sql {
  /**
   * Runs one statement with `$1`-style parameters and returns its rows; uuid and bigint arrive as strings, timestamptz as
   * Date, jsonb parsed, bytea as Buffer. Throws {@link SqlError}.
   */
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]>
}

/** Schema objects involved in an error: names, never values. */
export interface SchemaObjects {
  readonly constraint?: string | undefined
  readonly table?: string | undefined
  /** The function that raised the error, when a trigger or another function did; `unknown` when it has no name. */
  readonly raisedBy?: string | undefined
}

/** An error of the database. `state` is the SQLSTATE, or undefined when the connection failed. */
export class SqlError extends Error {
  override readonly name = 'SqlError'
  readonly state: string | undefined
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly raisedBy: string | undefined

  constructor(message: string, options: SchemaObjects & { state?: string | undefined; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.state = options.state
    this.constraint = options.constraint
    this.table = options.table
    this.raisedBy = options.raisedBy
  }
}

/** A pool, or one of its connections. */
export interface Session {
  /** One statement in a transaction of its own. */
  readonly sql: Sql
  /**
   * BEGIN (READ COMMITTED), work, COMMIT; ROLLBACK when work throws. After a SqlError without state the outcome of the
   * transaction is unknown: the connection may have been lost after COMMIT was sent.
   */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>
}

/** A statement in flight. */
export interface StatementInFlight {
  /** Verbs and tables, see statement-name.ts. */
  readonly statement: string
  /** Backend process id of the session; null while unknown. */
  readonly pid: number | null
  /** When it was sent, by `performance.now()`. */
  readonly since: number
}

/** A connection pool of one database. It survives restarts of the server: statements in flight fail, and later calls reconnect with exponential backoff (at most 1 s). */
export interface Database extends Session {
  /**
   * One connection for the duration of `work`, with the advisory locks, cursors and settings that `work` creates; closed afterwards, so that
   * none of them remain. Once the connection is lost, every statement on it fails: it is never replaced.
   */
  session<T>(work: (session: Session) => Promise<T>): Promise<T>
  /** The longest that one statement can block its caller, including the wait for a connection and for an unreachable server; milliseconds. */
  readonly longestStatementMs: number
  /** The statements in flight. */
  statementsInFlight(): readonly StatementInFlight[]
  /** Connections in use, idle and waiting. */
  stats(): { total: number; idle: number; waiting: number }
  /** Waits for statements in flight and disconnects. Idempotent; the same promise for every caller. */
  end(): Promise<void>
}
