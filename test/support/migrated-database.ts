import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import type { Database } from '../../src/std/sql.ts'
import { freshDatabase, templateDatabase } from './fresh.ts'

export interface MigratedDatabase extends Database {
  readonly url: string
  /** Disconnects and drops. */
  close(): Promise<void>
}

/**
 * A database of the test's own with both migration sets applied: on the run's shared server, or `ownUrl` on another. The platform's tables
 * are in `platformSchema`.
 */
export async function migratedDatabase(ownUrl?: string, platformSchema = 'public'): Promise<MigratedDatabase> {
  const template =
    ownUrl === undefined ? await templateDatabase(`migrated_${platformSchema}`, (url) => migrateBoth(url, platformSchema)) : ''
  const fresh = ownUrl === undefined ? await freshDatabase({ template }) : null
  if (ownUrl !== undefined) await migrateBoth(ownUrl, platformSchema)
  const url = fresh?.url ?? ownUrl ?? ''
  const database = openDatabase({
    connection: { connectionString: url, platformSchema },
    max: 12,
    applicationName: 'test',
    statementTimeoutMs: 120_000,
    connectTimeoutMs: 30_000,
  })
  return {
    ...database,
    url,
    close: async () => {
      await database.end()
      await fresh?.drop()
    },
  }
}

async function migrateBoth(connectionString: string, platformSchema: string): Promise<void> {
  await migrate({ connectionString, platformSchema }, 'app')
  await migrate({ connectionString, platformSchema }, 'worker')
}
