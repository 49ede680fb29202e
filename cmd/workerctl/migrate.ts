import { Option, type Command } from 'commander'
import { requireDevelopmentDatabase } from '../../src/infra/postgres/schema/development-database.ts'
import type { MigrationSet } from '../../src/infra/postgres/schema/migration-set.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import { configure, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly set: MigrationSet
  readonly json?: boolean
}

const HELP = `
The set "worker" creates the schema "worker", and two columns with indexes on the platform's waitlist_users. It is safe on a live
database and may run before the release that needs it. The set "app" creates the platform's own tables, for development
databases only; it is refused where the platform's tables already exist.

Examples:
  npm run workerctl -- migrate
  npm run workerctl -- migrate --set app`

export function addMigrate(parent: Command, terminal: Terminal): void {
  parent
    .command('migrate')
    .description("migrate the database to this build's schema")
    .addOption(new Option('--set <set>', 'which migrations').choices(['worker', 'app']).default('worker'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      if (options.set === 'app') {
        await withDatabase(config, ({ sql }) => requireDevelopmentDatabase(sql))
        terminal.err("The set app creates the platform's tables, for development databases only.")
      }
      const done = await migrate(config.database.connection, options.set, { onProgress: (line) => terminal.err(line) })
      if (options.json === true) terminal.out(renderJson({ set: options.set, ...done }))
      else if (done.applied.length === 0) terminal.out(`${options.set}: already at version ${done.to}, nothing to apply`)
      else terminal.out(`${options.set}: from version ${done.from} to ${done.to}, applied ${done.applied.join(', ')}`)
    })
}
