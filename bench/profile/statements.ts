import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import type { Sql } from '../../src/std/sql.ts'
import { lookOfBench } from '../workers/rows.ts'

/** What a statement cost the server, all of its calls together. */
export interface StatementCost {
  readonly query: string
  readonly calls: number
  readonly totalMs: number
  readonly rows: number
  /** Blocks that were changed, in memory. */
  readonly dirtied: number
  readonly walBytes: number
}

/** The server setting without which the statements are not counted. */
export const statementSettings = { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track': 'all' }

const extension = 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements'

export async function forgetStatements(databaseUrl: string): Promise<void> {
  await withSql(databaseUrl, async (sql) => {
    await sql.query(extension)
    await sql.query('SELECT pg_stat_statements_reset()')
  })
}

/** The costliest first, without those of the bench itself. */
export async function statementCosts(databaseUrl: string): Promise<readonly StatementCost[]> {
  return withSql(databaseUrl, async (sql) => {
    await sql.query(extension)
    return sql.query<StatementCost & object>(
      `SELECT regexp_replace(query, '\\s+', ' ', 'g') AS query, calls::float8 AS calls, total_exec_time AS "totalMs", rows::float8 AS rows,
              shared_blks_dirtied::float8 AS dirtied, wal_bytes::float8 AS "walBytes"
         FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat_statements%' AND position($1 IN query) = 0
        ORDER BY total_exec_time DESC`,
      [lookOfBench],
    )
  })
}

async function withSql<T>(connectionString: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const database = openDatabase({
    connection: { connectionString },
    max: 1,
    applicationName: 'bench:profile',
    statementTimeoutMs: 60_000,
    connectTimeoutMs: 10_000,
  })
  try {
    return await work(database.sql)
  } finally {
    await database.end()
  }
}
