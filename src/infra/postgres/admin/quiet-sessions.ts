import type { QuietProcess } from '../../../admin/status/status-facts.ts'
import type { Sql } from '../../../std/sql.ts'

/**
 * The name of a session of a quiet process, by which others see in the database that it is quiet: it needs no table and no right, and ends with
 * the process. PostgreSQL keeps 63 bytes of it, so the host stands last.
 */
export function quietSession({ since, pid, host }: QuietProcess): string {
  return `${QUIET}${since.toISOString()} ${pid} ${host}`.slice(0, 63)
}

/** Names the session that executes it: of a pool with one connection. */
export async function nameSession(sql: Sql, name: string): Promise<void> {
  await sql.query(`SELECT set_config('application_name', $1, false)`, [name])
}

/** The processes on this database that are quiet, the first one first. */
export async function quietProcesses(sql: Sql): Promise<readonly QuietProcess[]> {
  const rows = await sql.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE '${QUIET}%' ORDER BY 1 LIMIT 100`,
  )
  return rows.flatMap(({ name }) => {
    const [since = '', pid = '', ...host] = name.slice(QUIET.length).split(' ')
    const at = new Date(since)
    return Number.isNaN(at.getTime()) ? [] : [{ since: at, pid: Number(pid), host: host.join(' ') }]
  })
}

const QUIET = 'kafka-worker quiet '
