import { MASK, maskUrlPasswords } from './mask.ts'
import { readVariables } from './read-variables.ts'
import type { Environment, Reading } from './read-variables.ts'
import { variables } from './variables.ts'
import type { Variable } from './variable.ts'

/** One line of `--check-config`. `value` is null when the variable is not given and has no default; secrets are masked. */
export interface ConfigRow {
  readonly name: string
  readonly value: string | null
  readonly source: Reading['source']
}

/** Every variable with its effective value, valid or not. */
export function describeConfig(environment: Environment): readonly ConfigRow[] {
  const { readings } = readVariables(environment)
  return Object.entries<Variable<unknown>>(variables).map(([name, variable]) => {
    const { text, source } = readings.get(name) ?? { text: null, source: 'default' }
    return { name, value: text === null ? null : masked(text, variable), source }
  })
}

/** The rows as an aligned table, one line each, without a line break at the end. */
export function configTable(rows: readonly ConfigRow[]): string {
  const cells = rows.map(
    ({ name, value, source }) => [name, value === null ? '(not set)' : value === '' ? '(empty)' : value, source] as const,
  )
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  return cells.map(([name, value, source]) => `${name.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${source}`).join('\n')
}

/** A secret that does not parse as a URL is hidden as a whole: a password may be anywhere in it. */
function masked(text: string, { secret, kind }: Variable<unknown>): string {
  if (secret === 'whole') return MASK
  const shown = maskUrlPasswords(text)
  return secret === 'url' && shown === text && 'wrong' in kind.parse(text) ? MASK : shown
}
