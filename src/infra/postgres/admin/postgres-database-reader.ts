import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { IndexFacts, MigrationFacts } from '../../../admin/doctor/database-checks.ts'
import type { DatabaseReader } from '../../../admin/doctor/database-reader.ts'
import { sqlArray } from '../../../std/sql-array.ts'
import type { Sql } from '../../../std/sql.ts'
import { quotedSchema } from '../client/platform-schema.ts'
import { expectedIndexes } from '../schema/expected-indexes.ts'
import { migrationFolder, nameOfSet, newestVersion, versionTable, type MigrationSet } from '../schema/migration-set.ts'

/** Reads what doctor checks. @throws {SqlError} */
export function createDatabaseReader(sql: Sql, sets: readonly MigrationSet[], platformSchema: string): DatabaseReader {
  return {
    async server() {
      const [row] = await sql.query<{ version: string; tls: string | null; maxConnections: number }>(
        `SELECT split_part(current_setting('server_version'), ' ', 1) AS version, current_setting('max_connections')::int AS "maxConnections",
                (SELECT version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls`,
      )
      return row ?? { version: 'unknown', tls: null, maxConnections: 0 }
    },
    async now() {
      const [row] = await sql.query<{ ms: number }>(`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms`)
      return row?.ms ?? Number.NaN
    },
    migrations: () => Promise.all(sets.map((set) => migrationsOf(sql, set))),
    async indexes() {
      const expected = (await Promise.all(sets.map(expectedIndexes))).flat()
      const wanted = expected.map(({ schema, ...rest }) => ({ ...rest, schema: schema === 'public' ? platformSchema : schema }))
      const rows = await sql.query<{ schema: string; name: string; valid: boolean }>(
        `SELECT n.nspname AS schema, c.relname AS name, i.indisvalid AND i.indisready AS valid
           FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
           JOIN pg_namespace n ON n.nspname = wanted.schema
           JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
           JOIN pg_index i ON i.indexrelid = c.oid`,
        [sqlArray(wanted, ({ schema }) => schema), sqlArray(wanted, ({ name }) => name)],
      )
      return wanted.map(({ schema, name, statement }): IndexFacts => {
        const found = rows.find((row) => row.schema === schema && row.name === name)
        const inPlace = statement.replace(/ ON public\./, ` ON ${quotedSchema(platformSchema)}.`)
        return { name: `${schema}.${name}`, state: found === undefined ? 'missing' : found.valid ? 'valid' : 'invalid', statement: inPlace }
      })
    },
    async endpoints(most) {
      const rows = await sql.query<{ url: string; origins: number }>(
        `SELECT substring(url FROM '^[A-Za-z]+://[^/?#]*') AS url, (count(*) OVER ())::int AS origins
           FROM platform.webhooks WHERE status = 'active'
          GROUP BY 1 ORDER BY max(last_success_at) DESC NULLS LAST, 1 LIMIT $1`,
        [most],
      )
      return { urls: rows.map(({ url }) => url), origins: rows[0]?.origins ?? 0 }
    },
  }
}

/** Compares versions and checksums as the runner of migrations does, without its lock and its table. */
async function migrationsOf(sql: Sql, set: MigrationSet): Promise<MigrationFacts> {
  const rows = await sql.query<{ version: number; md5: string | null }>(`SELECT version::int AS version, md5 FROM ${versionTable(set)}`)
  const folder = migrationFolder(set)
  const changed: number[] = []
  for (const file of await readdir(folder)) {
    const version = Number.parseInt(file, 10)
    const applied = rows.find((row) => row.version === version)?.md5 ?? null
    if (applied === null) continue
    const text = (await readFile(join(folder, file), 'utf8')).replaceAll(/\r\n|\r/g, '\n')
    if (createHash('md5').update(text).digest('hex') !== applied) changed.push(version)
  }
  return {
    set: nameOfSet(set),
    newest: await newestVersion(set),
    version: Math.max(0, ...rows.map(({ version }) => version)),
    changed: changed.toSorted((a, b) => a - b),
  }
}
