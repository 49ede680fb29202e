import { openDatabase, type Database } from '../../../src/infra/postgres/database.ts'
import { migrate } from '../../../src/infra/postgres/migrations.ts'
import { freshDatabase, templateDatabase } from '../../support/fresh.ts'

export interface MigratedDatabase extends Database {
  readonly url: string
  /** Disconnects and drops. */
  close(): Promise<void>
}

/** A database of the test's own with both migration sets applied. */
export async function migratedDatabase(): Promise<MigratedDatabase> {
  const template = await templateDatabase('migrated', async (connectionString) => {
    await migrate({ connectionString }, 'app')
    await migrate({ connectionString }, 'worker')
  })
  const fresh = await freshDatabase({ template })
  const database = openDatabase({
    connection: { connectionString: fresh.url },
    max: 12,
    applicationName: 'contract test',
    statementTimeoutMs: 30_000,
    connectTimeoutMs: 10_000,
  })
  return {
    ...database,
    url: fresh.url,
    close: async () => {
      await database.end()
      await fresh.drop()
    },
  }
}
