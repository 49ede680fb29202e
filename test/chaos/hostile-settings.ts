import type { Random } from '../../cmd/demo/random.ts'
import type { Sql } from '../../src/std/sql.ts'
import { hostileSettings } from '../support/hostile-role.ts'

/** Gives the database role a random half of the hostile settings and resets the rest; open connections keep theirs. */
export async function applyHostileSettings(sql: Sql, random: Random): Promise<void> {
  for (const [name, value] of Object.entries(hostileSettings)) {
    const text = name === 'search_path' ? value : `'${value}'`
    await sql.query(`ALTER ROLE CURRENT_USER ${random.next() < 0.5 ? `SET ${name} = ${text}` : `RESET ${name}`}`)
  }
}

/** Closes the connections of every daemon, as an administrator does to make settings take effect. */
export async function closeConnections(sql: Sql): Promise<void> {
  await sql.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'kafka-worker %'`,
  )
}
