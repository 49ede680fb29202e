import { OperatorError } from '../../../std/failure.ts'
import type { Sql } from '../../../std/sql.ts'

/** The database answers and takes no writes; it may do so later (a standby that is promoted, a maintenance that ends). */
export class WritesRefused extends OperatorError {}

/**
 * Checks without writing whether transactions of this connection may write, as an accept has to. Returns when the server started.
 *
 * @throws {WritesRefused} one sentence with the way out. @throws {SqlError} when the database cannot be queried.
 */
export async function requireWritable(sql: Sql): Promise<string> {
  const [server] = await sql.query<{ started: string; recovering: boolean; readOnly: boolean }>(
    `SELECT pg_postmaster_start_time()::text AS started, pg_is_in_recovery() AS recovering,
            current_setting('transaction_read_only')::boolean AS "readOnly"`,
  )
  if (server?.recovering === true) {
    throw new WritesRefused(
      'The database is in recovery and accepts no writes (a standby, or a failover under way): connect to the primary with DATABASE_URL or PG*, or promote this one.',
    )
  }
  if (server?.readOnly === true) {
    throw new WritesRefused(
      'The database accepts no writes: default_transaction_read_only is on, for the server, the database or the role; turn it off when maintenance is over.',
    )
  }
  return server?.started ?? ''
}
