import { quotedSchema } from './platform-schema.ts'

/** Timeouts of one connection, in milliseconds; 0 is none. */
export interface SessionTimeouts {
  readonly statementMs: number
  /** A row lock of the platform is waited for at most this long; a statement may set its own with SET LOCAL. */
  readonly lockMs: number
  /** A transaction that is left open (a frozen process) releases its locks after this. */
  readonly idleInTransactionMs: number
}

/**
 * Every setting that our statements and the driver's parsers depend on, for one round trip on each new connection; the last result is `pid`. ALTER ROLE, ALTER
 * DATABASE, postgresql.conf and `options` of a connection string may say otherwise. Sent as a statement, because poolers such as PgBouncer
 * refuse most startup parameters.
 *
 * pg_catalog is searched first without being named, and pg_temp last, so that no object of another schema can shadow
 * one of ours. The platform's schema is there for its own triggers: our statements name it.
 */
export function sessionSettings(platformSchema: string, timeouts: SessionTimeouts, wholeTables = false): string {
  const settings = {
    search_path: `${quotedSchema(platformSchema)}, pg_temp`,
    client_encoding: `'UTF8'`,
    standard_conforming_strings: 'on',
    datestyle: `'ISO, MDY'`,
    intervalstyle: `'postgres'`,
    timezone: `'UTC'`,
    extra_float_digits: '1',
    bytea_output: `'hex'`,
    array_nulls: 'on',
    transform_null_equals: 'off',
    plan_cache_mode: 'auto',
    // A plan is kept for as long as the statistics: one made while a table was small would go on to read all of it as it grows.
    enable_seqscan: wholeTables ? 'on' : 'off',
    // Pays for itself in queries of seconds only; the cost that a sequential scan is given here would turn it on for all that need one.
    jit: 'off',
    client_min_messages: `'warning'`,
    default_transaction_isolation: `'read committed'`,
    default_transaction_deferrable: 'off',
    statement_timeout: timeouts.statementMs,
    lock_timeout: timeouts.lockMs,
    idle_in_transaction_session_timeout: timeouts.idleInTransactionMs,
  }
  return [...Object.entries(settings).map(([name, value]) => `SET ${name} = ${value}`), newerTimeouts, durable, backend].join('; ')
}

/** Known since PostgreSQL 14 and 17. The first closes idle connections, and with them the locks of a session; the second a transaction. */
const newerTimeouts = `
  SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')`

/** Which session of the server this is, behind a pooler too. */
const backend = 'SELECT pg_backend_pid() AS pid'

/** With `off` the server acknowledges a commit of `handing_over` before it is durable; stronger settings than `on` stay. */
const durable = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`
