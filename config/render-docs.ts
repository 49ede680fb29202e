import type { Variable } from './variable.ts'
import { sections, variables, type VariableName } from './variables.ts'

/** docs/reference/configuration.md: every variable, by section. `vitest -u` writes the file, the same test compares it. */
export function renderConfigurationDoc(): string {
  const parts = sections.map(({ title, variables }) => {
    const rows = Object.entries(variables).map(
      ([name, variable]) => `| \`${name}\` | ${defaultOf(variable)} | ${cell(variable.kind.expects)} | ${meaning(name, variable)} |`,
    )
    return [`## ${title}`, '', '| variable | default | given as | meaning |', '|---|---|---|---|', ...rows].join('\n')
  })
  return `${[HEAD, ...parts].join('\n\n')}\n`
}

const HEAD = `# Configuration

<!-- Made by config/render-docs.ts from config/variables.ts: npx vitest run --project unit test/unit/config -u -->

The daemon is configured by environment variables, which are read once at the start.

- An empty or blank value counts as not set. Variables with an empty default are optional.
- A secret \`X\` may be given as the path of a file in \`X_FILE\` instead; giving both is an error. Surrounding white space is dropped. The file is read at the start; those of the connection to Kafka, certificates included, are read again for each new connection and login.
- All errors are reported at once, and the exit code is 1. A name that resembles a variable without being one causes a warning.
- \`npm start -- --check-config\` prints each variable with its effective value, secrets masked, and where it came from.

[config/example.env](../../config/example.env) is the same list as a file to copy.`

/** The most important variables as a Markdown table for the README; a test compares the README with it. */
export function renderFirstVariables(): string {
  const rows = FIRST.map((name) => {
    const variable: Variable<unknown> = variables[name]
    const names = variable.secret === null ? `\`${name}\`` : `\`${name}\` or \`${name}_FILE\``
    return `| ${names} | ${defaultOf(variable)} | ${cell(variable.doc)} |`
  })
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

const FIRST: readonly VariableName[] = [
  'KAFKA_BROKERS',
  'KAFKA_TOPIC',
  'KAFKA_START_FROM',
  'KAFKA_WORKER_POOL_SIZE',
  'DATABASE_URL',
  'SMTP_URL',
  'MAIL_FROM',
  'REFERRAL_LINK_TEMPLATE',
]

/** config/example.env: every variable, commented out where it has a default or may be left out. */
export function renderExampleEnv(): string {
  const blocks = sections.map(({ title, variables }) => {
    const entries = Object.entries(variables).map(([name, variable]) => {
      const line = variable.need === 'required' ? `${name}=localhost:9092` : `# ${name}=${variable.default ?? ''}`
      return `# ${variable.doc} Given as ${variable.kind.expects}.\n${line}`
    })
    return [`## ${title}`, ...entries].join('\n')
  })
  const head = '# Every variable of the worker, with its default. A secret X may be given as the path of a file in X_FILE instead.'
  return `${[head, ...blocks].join('\n\n')}\n`
}

function meaning(name: string, { doc, secret }: Variable<unknown>): string {
  if (secret === null) return cell(doc)
  const hidden = secret === 'url' ? 'Its password is a secret' : 'A secret'
  return `${cell(doc)} **${hidden}**: may come from the file that \`${name}_FILE\` names.`
}

function defaultOf(variable: Variable<unknown>): string {
  if (variable.need === 'required') return '**required**'
  return variable.default === null || variable.default === '' ? '' : `\`${variable.default}\``
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
