import { OperatorError } from '../../../std/failure.ts'
import type { Sql } from '../../../std/sql.ts'
import { majorOf, nameOfSet, newestVersion, versionTable, type MigrationSet, type OwnSet } from './migration-set.ts'
import { platformSchemaName } from '../client/platform-schema.ts'

type Privilege = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'

type Needs = Readonly<Record<string, readonly Privilege[]>>

/** What the daemon does to each table. */
const needs: Needs = {
  'worker.schema_versions': ['SELECT'],
  'worker.outcomes': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.progress': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.dead_letters': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.dead_letter_copies': ['SELECT', 'DELETE'],
  'worker.dead_letter_actions': ['INSERT'],
  'worker.dead_letter_groups': ['SELECT', 'INSERT'],
  'worker.intents': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.replay_jobs': ['SELECT', 'UPDATE', 'DELETE'],
  'worker.replay_ranges': ['SELECT', 'UPDATE'],
  'worker.replay_audit': ['SELECT', 'INSERT'],
  'worker.recalculations': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.slow_recalculations': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.position_changes': ['SELECT', 'INSERT', 'DELETE'],
  'worker.reward_codes': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.breakers': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.suppressions': ['SELECT', 'INSERT'],
  'worker.template_versions': ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'worker.pauses': ['SELECT', 'DELETE'],
  'worker.outbox': ['SELECT', 'UPDATE', 'DELETE'],
  'platform.accounts': ['SELECT'],
  'platform.campaigns': ['SELECT'],
  'platform.waitlist_users': ['SELECT', 'UPDATE'],
  'platform.referrals': ['SELECT'],
  'platform.rewards': ['SELECT'],
  'platform.user_rewards': ['SELECT', 'UPDATE'],
  'platform.email_templates': ['SELECT'],
  'platform.email_logs': ['SELECT', 'INSERT', 'UPDATE'],
  'platform.webhooks': ['SELECT', 'UPDATE'],
  'platform.webhook_deliveries': ['SELECT', 'INSERT', 'UPDATE'],
}

/** What the admin verbs over HTTP do beyond that. */
export const adminNeeds: Needs = { 'worker.pauses': ['INSERT', 'UPDATE'] }

/**
 * Refuses a database that this build cannot work on: a schema older than its newest migration, one of a newer major, or a
 * role that lacks a right. A newer schema of the same major is fine, so that a migration may run before its release.
 *
 * @throws {OperatorError} one sentence with the way out. @throws {SqlError} when the database cannot be queried.
 */
export async function checkSchema(sql: Sql): Promise<void> {
  await checkWorkerVersion(sql)
  await checkRights(sql)
}

/**
 * The version of our own schema alone.
 *
 * @throws {OperatorError} one sentence with the way out. @throws {SqlError} when the database cannot be queried.
 */
export async function checkWorkerVersion(sql: Sql): Promise<void> {
  await checkVersion(sql, 'worker', ['GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worker'])
}

/**
 * The same for the tables of a group that keeps rows of its own.
 *
 * @throws {OperatorError} one sentence with the way out. @throws {SqlError} when the database cannot be queried.
 */
export async function checkOwnTables(sql: Sql, tables: OwnSet & { readonly needs: Needs }): Promise<void> {
  const needed = Object.entries(tables.needs).map(([table, privileges]) => [`${tables.schema}.${table}`, privileges] as const)
  const grants = [[versionTable(tables), ['SELECT']] as const, ...needed].map(
    ([table, privileges]) => `GRANT ${privileges.join(', ')} ON ${table}`,
  )
  await checkVersion(sql, tables, grants)
  await checkRights(sql, Object.fromEntries(needed))
}

/** `grants`: for a role that cannot read the version, the statements after USAGE on the schema, without `TO` and the role. */
async function checkVersion(sql: Sql, set: MigrationSet, grants: readonly string[]): Promise<void> {
  const needed = await newestVersion(set)
  const name = nameOfSet(set)
  const table = versionTable(set)
  // By the catalogue: to_regclass throws at a role that may not look into the schema.
  const [found] = await sql.query<{ visible: boolean; role: string }>(
    `SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS visible, current_user AS role
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname = $1`,
    [table],
  )
  if (found === undefined) throw older(set, 0, needed)
  if (!found.visible) {
    const statements = [`GRANT USAGE ON SCHEMA ${name}`, ...grants].map((grant) => `${grant} TO "${found.role}"`)
    throw new OperatorError(`The role "${found.role}" may not SELECT on ${table}: run ${statements.join('; ')} as the schema's owner.`)
  }
  const [row] = await sql.query<{ version: number }>(`SELECT coalesce(max(version), 0)::int AS version FROM ${table}`)
  const version = row?.version ?? 0
  if (version < needed) throw older(set, version, needed)
  if (majorOf(version) > majorOf(needed)) {
    throw new OperatorError(
      `The database's ${name} schema is at version ${version} (major ${majorOf(version)}), too new for this build, which was written ` +
        `for ${needed} (major ${majorOf(needed)}): use the release that migrated it.`,
    )
  }
}

/** The sentence fits a daemon that ends, a group that waits for its tables, and a command that is to be repeated. */
function older(set: MigrationSet, version: number, needed: number): OperatorError {
  const name = nameOfSet(set)
  const command = `run "npm run workerctl -- migrate${set === 'worker' ? '' : ` --set ${name}`}"`
  return new OperatorError(
    version === 0
      ? `The database has no ${name} schema, and this build needs version ${needed}: ${command} first.`
      : `The database's ${name} schema is at version ${version}, but this build needs ${needed}: ${command} first.`,
  )
}

/**
 * Names the first right that is missing. A right on some of a table's columns counts: a platform may grant no more than we write.
 *
 * @throws {OperatorError} one sentence with the way out. @throws {SqlError} when the database cannot be queried.
 */
export async function checkRights(sql: Sql, needed: Needs = needs): Promise<void> {
  const wanted = Object.entries(needed).flatMap(([table, privileges]) => privileges.map((privilege) => ({ table, privilege })))
  const [missing] = await sql.query<{ name: string; privilege: string; exists: boolean; role: string }>(
    `SELECT wanted.schema || '.' || wanted.relation AS name, wanted.privilege, c.oid IS NOT NULL AS exists, current_user AS role
       FROM (SELECT CASE split_part(name, '.', 1) WHEN 'platform' THEN ${platformSchemaName} ELSE split_part(name, '.', 1) END AS schema,
                    split_part(name, '.', 2) AS relation, privilege, place
               FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS needed (name, privilege, place)) AS wanted
       LEFT JOIN pg_namespace n ON n.nspname = wanted.schema
       LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.relation
      WHERE c.oid IS NULL
         OR NOT has_schema_privilege(n.oid, 'USAGE')
         OR NOT CASE wanted.privilege WHEN 'DELETE' THEN has_table_privilege(c.oid, wanted.privilege)
                                     ELSE has_any_column_privilege(c.oid, wanted.privilege) END
      ORDER BY wanted.place LIMIT 1`,
    [wanted.map(({ table }) => table), wanted.map(({ privilege }) => privilege)],
  )
  if (missing === undefined) return
  const { name, privilege, role } = missing
  throw new OperatorError(
    missing.exists
      ? `The role "${role}" may not ${privilege} on ${name}: run GRANT ${privilege} ON ${name} TO "${role}" (and USAGE on its schema) as the table's owner.`
      : `The table ${name} does not exist in this database: point DATABASE_URL or PG* at the platform's database, and PLATFORM_SCHEMA at its schema.`,
  )
}
