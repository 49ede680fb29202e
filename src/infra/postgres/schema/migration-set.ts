import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** The tables of a consumer group, in a schema of its own: `schema` is the name of the set, `migrations` its folder. */
export interface OwnSet {
  readonly schema: string
  readonly migrations: string
}

/**
 * `worker`: our own schema and the two columns on the platform's table; safe on a live database. `app`: the platform's
 * tables, for the demo and the tests only. Otherwise the tables of a group that keeps rows of its own.
 */
export type MigrationSet = 'app' | 'worker' | OwnSet

export function nameOfSet(set: MigrationSet): string {
  return typeof set === 'string' ? set : set.schema
}

/** Where the runner keeps what it has applied, as our statements name it. */
export function versionTable(set: MigrationSet): string {
  return `${set === 'app' ? 'platform' : nameOfSet(set)}.schema_versions`
}

/** Folder of a set's files, named `NNN.do.<name>.sql`. */
export function migrationFolder(set: MigrationSet): string {
  return typeof set === 'string' ? join(import.meta.dirname, 'migrations', set) : set.migrations
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
