import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { migrationFolder, type MigrationSet } from './migration-set.ts'

/** An index that the migrations of a set leave behind. */
export interface ExpectedIndex {
  /** As the migrations name it; `public` stands for the platform's schema. */
  readonly schema: string
  readonly name: string
  /** Creates it on a live database. */
  readonly statement: string
}

/** The indexes of a set, without those that a later migration drops or that belong to a constraint. */
export async function expectedIndexes(set: MigrationSet): Promise<readonly ExpectedIndex[]> {
  const folder = migrationFolder(set)
  const files = (await readdir(folder)).toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return indexesOf(texts)
}

/** The indexes that scripts leave behind when they are run in this order. */
export function indexesOf(scripts: readonly string[]): readonly ExpectedIndex[] {
  const found = new Map<string, ExpectedIndex>()
  for (const statement of scripts.flatMap(statementsOf)) {
    const created = CREATE.exec(statement)
    if (created !== null) {
      const [, unique = '', name = '', schema = '', rest = ''] = created
      found.set(name, { schema, name, statement: `CREATE ${unique}INDEX CONCURRENTLY ${name} ON ${schema}.${rest}` })
    }
    const dropped = DROP.exec(statement)?.[1]
    if (dropped !== undefined) found.delete(dropped)
  }
  return [...found.values()]
}

const CREATE = /^CREATE (UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+) ON (\w+)\.(.+)$/i
const DROP = /^DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(?:\w+\.)?(\w+)/i

/** On one line each, without comments; a semicolon inside of a function body only makes two harmless pieces of it. */
function statementsOf(script: string): readonly string[] {
  return script
    .replaceAll(/--.*$/gm, '')
    .split(';')
    .map((statement) => statement.replaceAll(/\s+/g, ' ').trim())
}
