import { Option, type Command } from 'commander'
import { requireDevelopmentDatabase } from '../../src/infra/postgres/schema/development-database.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { isProjecting } from '../../src/model/consumer.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import { configure, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly set: string
  readonly json?: boolean
}

/** Groups that keep rows of their own, by the name of their set. */
const ownSets = new Map(listedConsumers.filter(isProjecting).map(({ name, tables }) => [tables.schema, { name, tables }]))

const HELP = `
The set "worker" creates the schema "worker", and two columns with indexes on the platform's waitlist_users. It is safe on a live
database and may run before the release that needs it. The set "app" creates the platform's own tables, for development
databases only; it is refused where the platform's tables already exist. ${[...ownSets].map(([set, { name }]) => `The set "${set}" creates the tables of\n${name}, in a schema of their own.`).join(' ')}

Examples:
  npm run workerctl -- migrate
  npm run workerctl -- migrate --set app`

export function addMigrate(parent: Command, terminal: Terminal): void {
  parent
    .command('migrate')
    .description("migrate the database to this build's schema")
    .addOption(new Option('--set <set>', 'which migrations').choices(['worker', 'app', ...ownSets.keys()]).default('worker'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      if (options.set === 'app') {
        await withDatabase(config, ({ sql }) => requireDevelopmentDatabase(sql))
        terminal.err("The set app creates the platform's tables, for development databases only.")
      }
      const done = await migrate(
        config.database.connection,
        ownSets.get(options.set)?.tables ?? (options.set === 'app' ? 'app' : 'worker'),
        { onProgress: (line) => terminal.err(line) },
      )
      if (options.json === true) terminal.out(renderJson({ set: options.set, ...done }))
      else if (done.applied.length === 0) terminal.out(`${options.set}: already at version ${done.to}, nothing to apply`)
      else terminal.out(`${options.set}: from version ${done.from} to ${done.to}, applied ${done.applied.join(', ')}`)
    })
}
