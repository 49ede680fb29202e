import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * `worker`: our own schema and the two columns on the platform's table; safe on a live database. `app`: the platform's
 * tables, for the demo and the tests only.
 */
export type MigrationSet = 'app' | 'worker'

/** Where each set's runner keeps what it has applied, as our statements name it. */
export const versionTables = { app: 'platform.schema_versions', worker: 'worker.schema_versions' } as const satisfies Record<
  MigrationSet,
  string
>

/** Folder of a set's files, named `NNN.do.<name>.sql`. */
export function migrationFolder(set: MigrationSet): string {
  return join(import.meta.dirname, 'migrations', set)
}

/** The version that this build was written for: the highest file number of the set. */
export async function newestVersion(set: MigrationSet): Promise<number> {
  const files = await readdir(migrationFolder(set))
  return Math.max(...files.map((file) => Number.parseInt(file, 10)).filter(Number.isInteger))
}

/**
 * Thousands of the version. Within one major a migration only adds, so that processes of an older build go on working; what
 * takes away or changes meaning begins the next thousand.
 */
export function majorOf(version: number): number {
  return Math.floor(version / 1000)
}
