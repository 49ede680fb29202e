/** A read or write inside a transaction that somebody else opened and will end. Implemented by infra/postgres. */
export interface Sql {
  /**
   * Runs one statement with `$1`-style parameters and returns its rows; uuid and bigint arrive as strings, timestamptz as
   * Date, jsonb parsed, bytea as Buffer. Throws {@link SqlError}.
   */
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]>
}

/** A place in the schema at which the database refused something: names, never values. */
export interface RefusedAt {
  readonly constraint?: string | undefined
  readonly table?: string | undefined
  /** The function that raised the error, when a trigger or another function did; `unknown` when it has no name. */
  readonly raisedBy?: string | undefined
}

/** What the database said no with. `state` is the SQLSTATE, or undefined when the connection itself failed. */
export class SqlError extends Error {
  override readonly name = 'SqlError'
  readonly state: string | undefined
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly raisedBy: string | undefined

  constructor(message: string, options: RefusedAt & { state?: string | undefined; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.state = options.state
    this.constraint = options.constraint
    this.table = options.table
    this.raisedBy = options.raisedBy
  }
}

/** Where statements go: a pool, or one connection of it. */
export interface Session {
  /** One statement in a transaction of its own. */
  readonly sql: Sql
  /**
   * BEGIN (READ COMMITTED), work, COMMIT; ROLLBACK when work throws. When this throws a SqlError without state the fate of
   * the transaction is unknown: the connection may have been lost after COMMIT was sent.
   */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>
}

/** A statement that the server has not answered yet. */
export interface StatementUnderWay {
  /** Verbs and tables, see statement-name.ts. */
  readonly statement: string
  /** Of the session at the server; null while that is not known. */
  readonly pid: number | null
  /** By `performance.now()`. */
  readonly since: number
}

/** A pool of connections to one database. Survives restarts of the server: what was under way fails, and later calls connect anew, at growing distances of up to a second while that fails. */
export interface Database extends Session {
  /**
   * One connection for as long as `work` lasts, with the advisory locks, cursors and settings that `work` gives it; closed when `work` ends,
   * so that nothing of them is left. Once it is lost every statement on it fails: it is never replaced by another one.
   */
  session<T>(work: (session: Session) => Promise<T>): Promise<T>
  /** The longest that one statement keeps its caller, waiting for a connection and for a server that is gone included; milliseconds. */
  readonly longestStatementMs: number
  /** The statements that are waited for. */
  underWay(): readonly StatementUnderWay[]
  /** Connections in use, idle and waiting. */
  stats(): { total: number; idle: number; waiting: number }
  /** Waits for what is under way and disconnects. Idempotent; the same promise for every caller. */
  end(): Promise<void>
}
