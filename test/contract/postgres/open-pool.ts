import { openDatabase, type DatabaseSettings } from '../../../src/infra/postgres/client/postgres-database.ts'
import type { Database } from '../../../src/std/sql.ts'

/** A pool with the deadlines that tests want. The caller ends it. */
export function openPool(
  connectionString: string,
  settings: Partial<DatabaseSettings> = {},
  onTrouble?: (cause: string) => void,
): Database {
  return openDatabase(
    { connection: { connectionString }, max: 5, applicationName: 'test', statementTimeoutMs: 10_000, connectTimeoutMs: 5_000, ...settings },
    onTrouble,
  )
}
