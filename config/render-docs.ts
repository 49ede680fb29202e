import { sections } from './variables.ts'
import type { Variable } from './variables.ts'

/** The variables as one Markdown table, for the README; a test holds the README against it. */
export function renderVariableTable(): string {
  const rows = everyVariable().map(([name, variable]) => {
    const names = variable.secret === null ? `\`${name}\`` : `\`${name}\` or \`${name}_FILE\``
    return `| ${names} | ${defaultOf(variable)} | ${variable.doc.replaceAll('|', '\\|')} |`
  })
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

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

function everyVariable(): readonly (readonly [string, Variable<unknown>])[] {
  return sections.flatMap(({ variables }) => Object.entries(variables))
}

function defaultOf(variable: Variable<unknown>): string {
  if (variable.need === 'required') return '**required**'
  return variable.default === null || variable.default === '' ? '' : `\`${variable.default}\``
}
