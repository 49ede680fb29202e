import { OperatorError } from '../../../std/failure.ts'
import type { Sql } from '../../../std/sql.ts'
import { versionTable } from './migration-set.ts'

/**
 * Checked before the set `app` is applied: tables of the platform that this runner did not create belong to a real platform.
 *
 * @throws {OperatorError} when it is. @throws {SqlError} when the database cannot be queried.
 */
export async function requireDevelopmentDatabase(sql: Sql): Promise<void> {
  const [found] = await sql.query<{ database: string; platform: boolean; ours: boolean }>(
    `SELECT current_database() AS database,
            to_regclass('platform.accounts') IS NOT NULL OR to_regclass('platform.campaigns') IS NOT NULL
              OR to_regclass('platform.waitlist_users') IS NOT NULL AS platform,
            (SELECT count(*) FROM pg_attribute
              WHERE attrelid = to_regclass('${versionTable('app')}') AND attname IN ('version', 'name', 'md5', 'run_at')) = 4 AS ours`,
  )
  if (found === undefined || !found.platform) return
  if (found.ours) {
    const rows = await sql.query(`SELECT FROM ${versionTable('app')} WHERE version > 0 AND name = 'platform'`)
    if (rows.length > 0) return
  }
  throw new OperatorError(
    `The database "${found.database}" holds tables of the platform that "migrate --set app" did not make: that set is for development ` +
      `databases only; to prepare this one for the worker, run "npm run workerctl -- migrate".`,
  )
}
