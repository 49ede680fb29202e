import type { Command } from 'commander'
import { configTable, describeConfig } from '../../config/describe.ts'
import { readConfig } from '../kafka-worker/read-config.mts'
import { OperatorError } from '../../src/std/failure.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

const HELP = `
The same as npm start -- --check-config: secrets are masked, and nothing is connected to. Exit code 1 if a daemon would not start with it.

Examples:
  npm run workerctl -- config
  npm run -s workerctl -- config --json`

export function addConfig(parent: Command, terminal: Terminal): void {
  parent
    .command('config')
    .description('show every variable with its value, where it comes from, and all problems')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(({ json }: { readonly json?: boolean }) => {
      const { config, problems } = readConfig(terminal.environment)
      const variables = describeConfig(terminal.environment)
      const warnings = config?.warnings ?? []
      terminal.out(json === true ? renderJson({ variables, problems, warnings }) : configTable(variables))
      for (const warning of warnings) terminal.err(warning)
      if (problems.length > 0) throw new OperatorError(problems.join('\n'))
    })
}
