import { platformTables } from '../../src/infra/postgres/schema/migration-refusal.ts'
import { randomUUID } from 'node:crypto'
import type { Sql } from '../../src/std/sql.ts'

/**
 * What ALTER ROLE may say without being noticed, each the opposite of what our statements count on. Read-only transactions are left out:
 * readiness reports them.
 */
export const hostileSettings: Readonly<Record<string, string>> = {
  search_path: 'decoy, pg_catalog',
  datestyle: 'German, DMY',
  intervalstyle: 'sql_standard',
  timezone: 'Asia/Kathmandu',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  plan_cache_mode: 'force_generic_plan',
  client_min_messages: 'debug1',
  synchronous_commit: 'off',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  // A connection that waits for a processor has to get as far as its first statement, which sets ours.
  statement_timeout: '1s',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1s',
  idle_session_timeout: '1s',
  transaction_timeout: '1s',
}

export interface HostileRole extends AsyncDisposable {
  /** The same database, as this role. */
  readonly url: string
}

/**
 * A role that may do everything and whose settings are the worst there are, in a database with a schema `decoy`, first on the role's
 * path: tables named like the platform's, without rows, and functions and an operator named like the system's, which lie.
 */
export async function hostileRole(sql: Sql, databaseUrl: string, settings = hostileSettings): Promise<HostileRole> {
  const role = `hostile_${randomUUID().slice(0, 8)}`
  const password = randomUUID()
  await sql.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${password}'`)
  const known = await sql.query<{ name: string }>('SELECT lower(name) AS name FROM pg_settings WHERE lower(name) = ANY ($1)', [
    Object.keys(settings),
  ])
  for (const { name } of known) {
    const value = name === 'search_path' ? settings[name] : `'${settings[name]}'`
    await sql.query(`ALTER ROLE ${role} SET ${name} = ${value}`)
  }
  await sql.query('CREATE SCHEMA decoy')
  for (const table of platformTables) await sql.query(`CREATE TABLE decoy.${table} (LIKE platform.${table})`)
  await sql.query(`
    CREATE FUNCTION decoy.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '1970-01-01' $$;
    CREATE FUNCTION decoy.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '1970-01-01' $$;
    CREATE FUNCTION decoy.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'lower' $$;
    CREATE FUNCTION decoy.never(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
    CREATE OPERATOR decoy.= (LEFTARG = text, RIGHTARG = text, FUNCTION = decoy.never)`)
  const url = new URL(databaseUrl)
  url.username = role
  url.password = password
  return {
    url: url.href,
    // Open connections keep their settings; the role belongs to the server, which other tests share.
    [Symbol.asyncDispose]: async () => void (await sql.query(`DROP ROLE ${role}`)),
  }
}
