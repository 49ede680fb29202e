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
