import { Option, type Command } from 'commander'
import { listedConsumers, tablesOf } from '../../src/consumers/registry.ts'
import { requireDevelopmentDatabase } from '../../src/infra/postgres/schema/development-database.ts'
import { migrate, type Migrated } from '../../src/infra/postgres/schema/migrate-schema.ts'
import { nameOfSet, type MigrationSet } from '../../src/infra/postgres/schema/migration-set.ts'
import { isProjecting } from '../../src/model/consumer.ts'
import { configure, withDatabase } from './connections.ts'
import { knownChoice } from './known-choice.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly set?: string
  readonly json?: boolean
}

/** Groups that keep rows of their own. */
const projecting = listedConsumers.filter(isProjecting)
const everySet: readonly MigrationSet[] = ['worker', ...projecting.map(({ tables }) => tables), 'app']

const HELP = `
Without --set, "worker" is applied, and then the set of each group in KAFKA_GROUPS that has tables of its own. These sets are safe
on a live database and may run before the release that needs them.

  worker: the schema "worker", and two columns with indexes on the platform's waitlist_users
${projecting.map(({ name, tables }) => `  ${tables.schema}: the tables of ${name}, in a schema of their own`).join('\n')}
  app: the platform's own tables, for development databases only; refused where the platform's tables already exist

Examples:
  npm run workerctl -- migrate
  npm run workerctl -- migrate --set app`

export function addMigrate(parent: Command, terminal: Terminal): void {
  parent
    .command('migrate')
    .description("migrate the database to this build's schema")
    .addOption(knownChoice(new Option('--set <set>', 'only these migrations'), 'set', everySet.map(nameOfSet)))
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      const chosen: readonly MigrationSet[] =
        options.set === undefined ? ['worker', ...tablesOf(config.kafka.groups)] : everySet.filter((set) => nameOfSet(set) === options.set)
      if (chosen.includes('app')) {
        await withDatabase(config, ({ sql }) => requireDevelopmentDatabase(sql))
        terminal.err("The set app creates the platform's tables, for development databases only.")
      }
      const done: ({ readonly set: string } & Migrated)[] = []
      for (const set of chosen) {
        const migrated = {
          set: nameOfSet(set),
          ...(await migrate(config.database.connection, set, { onProgress: (line) => terminal.err(line) })),
        }
        done.push(migrated)
        // At once, because the next set may fail.
        if (options.json !== true) terminal.out(sentenceOf(migrated))
      }
      if (options.json === true) terminal.out(renderJson({ sets: done }))
    })
}

function sentenceOf({ set, from, to, applied }: { readonly set: string } & Migrated): string {
  return applied.length === 0
    ? `${set}: already at version ${to}, nothing to apply`
    : `${set}: from version ${from} to ${to}, applied ${applied.join(', ')}`
}
