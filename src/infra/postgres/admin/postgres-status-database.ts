import type { StatusDatabase } from '../../../admin/status/status-ports.ts'
import type { Database } from '../../../std/sql.ts'
import { checkSchema } from '../schema/schema-check.ts'
import { createInsideParts } from './postgres-inside-reader.ts'
import { createPauseAdmin } from './postgres-pause-admin.ts'
import { createProgressAdmin } from './postgres-progress-admin.ts'
import { createStatusReader } from './postgres-status-reader.ts'

/** @param countOutbox as the publishing outbox counts its own rows. Throws SqlError. */
export function createStatusDatabase(
  database: Database,
  { channels, countOutbox }: { readonly channels: readonly string[] } & Pick<StatusDatabase, 'countOutbox'>,
): StatusDatabase {
  const { sql } = database
  return {
    requireSchema: () => checkSchema(sql),
    roundTrip: async () => void (await sql.query('SELECT 1')),
    countOutbox,
    reader: createStatusReader(sql),
    inside: createInsideParts(sql, channels),
    pauses: createPauseAdmin(database),
    progress: createProgressAdmin(database),
  }
}
