import type { Client } from 'pg'
import { messageOf, OperatorError } from '../../../std/failure.ts'
import type { SqlError } from '../../../std/sql.ts'
import { tlsFaultOf } from '../../../std/tls-fault.ts'
import { migrationFolder, nameOfSet, type MigrationSet } from './migration-set.ts'
import { inPlatformSchema } from '../client/platform-schema.ts'
import { connectionCause, sqlErrorOf } from '../client/sql-error.ts'

/** Every table of the platform that the worker reads or writes. */
export const platformTables = [
  'accounts',
  'campaigns',
  'waitlist_users',
  'referrals',
  'rewards',
  'user_rewards',
  'email_templates',
  'email_logs',
  'webhooks',
  'webhook_deliveries',
]

/** Names the database that cannot be reached, without the password; TLS faults are returned as they are, for the caller to explain. */
export function unreachable(client: Client, thrown: unknown): OperatorError | SqlError {
  const error = sqlErrorOf(thrown)
  if (tlsFaultOf(thrown) !== null || /SSL connections|no encryption|client certificate/.test(error.message)) return error
  const place = `The database "${client.database ?? ''}" at ${client.host}:${client.port}`
  return new OperatorError(`${place} cannot be reached (${connectionCause(thrown)}): check DATABASE_URL or PG*, and that the server runs.`)
}

/** @throws {OperatorError} when the database is not the platform's. */
export async function requirePlatformTables(client: Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ relname: string }>(
    `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname = ANY ($2)`,
    [schema, platformTables],
  )
  const missing = platformTables.filter((table) => !rows.some(({ relname }) => relname === table))
  if (missing.length === 0) return
  throw new OperatorError(
    `The database "${client.database ?? ''}" lacks the platform's ${missing.length === 1 ? 'table' : 'tables'} ` +
      `${missing.map((table) => `${schema}.${table}`).join(', ')}: ` +
      `point DATABASE_URL or PG* at the platform's database and PLATFORM_SCHEMA at its schema, or run the platform's own migrations first.`,
  )
}

/**
 * Checked before the first step: found at the second, it would leave our schema with an owner that may not continue.
 *
 * @throws {OperatorError} when the role may not alter the platform's table.
 */
export async function requireOwnership(client: Client, schema: string): Promise<void> {
  const { rowCount } = await client.query(
    inPlatformSchema(`SELECT FROM pg_class WHERE oid = 'platform.waitlist_users'::regclass AND pg_has_role(relowner, 'USAGE')`, schema),
  )
  if (rowCount === 0) throw lacksRights(client, `it is not the owner of table ${schema}.waitlist_users`)
}

/** The sentence for the error that stopped a migration; an error without one stays as it is. */
export async function refusalOf(client: Client, set: MigrationSet, thrown: unknown): Promise<unknown> {
  if (thrown instanceof OperatorError) return thrown
  const changed = /MD5 checksum failed for migration \[(\d+)\]/.exec(messageOf(thrown))
  if (changed) {
    return new OperatorError(
      `Migration ${changed[1]} of the set "${nameOfSet(set)}" is not the one that was applied to the database "${client.database ?? ''}": ` +
        `restore its file under ${migrationFolder(set)} and put the change into a new one.`,
    )
  }
  const error = sqlErrorOf(thrown)
  if (error.state === undefined) return unreachable(client, thrown)
  if (error.state === '42501') {
    return lacksRights(client, error.message.replace(/\.$/, ''))
  }
  if (error.state === '55P03') {
    return new OperatorError(
      `A table of the database "${client.database ?? ''}" stays locked by another session: ` +
        `end the long transaction that pg_stat_activity shows and run the migration again; what was applied stays.`,
    )
  }
  return error
}

function lacksRights(client: Client, cause: string): OperatorError {
  return new OperatorError(
    `The role "${client.user ?? ''}" may not migrate the database "${client.database ?? ''}" (${cause}): ` +
      `run the migration as the owner of the platform's tables, with CREATE on the database.`,
  )
}
