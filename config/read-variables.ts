import { readFileSync } from 'node:fs'
import { maskUrlPasswords } from './mask.ts'
import { variables } from './variables.ts'
import type { Variable } from './variable.ts'
import type { Values } from './variables.ts'

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The text of one variable and its source; null when it is not set and has no default. */
export interface Reading {
  readonly text: string | null
  readonly source: 'environment' | 'file' | 'default'
}

export interface Readings {
  readonly readings: ReadonlyMap<string, Reading>
  /** Complete only when there are no problems. */
  readonly values: Values
  /** One sentence each. */
  readonly problems: readonly string[]
}

/** Reads the variables of the table, or `only` some of them. An empty or blank value counts as not set. */
export function readVariables(environment: Environment, only: (name: string) => boolean = () => true): Readings {
  const readings = new Map<string, Reading>()
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [name, variable] of Object.entries<Variable<unknown>>(variables)) {
    if (!only(name)) continue
    const reading = read(name, variable, environment, problems)
    readings.set(name, reading)
    if (reading.text === null) {
      if (variable.need === 'required') problems.push(`${name} is not set: it must be ${variable.kind.expects}.`)
      continue
    }
    if (reading.text === '') {
      values[name] = ''
      continue
    }
    const parsed = variable.kind.parse(reading.text)
    if ('value' in parsed) values[name] = parsed.value
    else problems.push(problemOf(name, variable, reading.text, parsed.wrong))
  }
  // The table gives each name its type; a missing value is reported as a problem.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { readings, values: values as Values, problems }
}

function read(name: string, variable: Variable<unknown>, environment: Environment, problems: string[]): Reading {
  const direct = given(environment[name])
  const path = variable.secret === null ? null : given(environment[`${name}_FILE`])
  if (direct !== null && path !== null) problems.push(`${name} and ${name}_FILE are both set: give one of them.`)
  if (direct !== null) return { text: direct, source: 'environment' }
  if (path !== null) return { text: readSecret(name, path, problems), source: 'file' }
  return { text: variable.default, source: 'default' }
}

function readSecret(name: string, path: string, problems: string[]): string | null {
  try {
    const text = given(readFileSync(path, 'utf8'))
    if (text === null) problems.push(`${name}_FILE names the file ${path}, which is empty: write the value of ${name} into it.`)
    return text
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    problems.push(`${name}_FILE names the file ${path}, which cannot be read (${code}): give the path of a file that this user may read.`)
    return null
  }
}

function given(text: string | undefined): string | null {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' ? null : trimmed
}

/** A value that is not a secret may still contain one, pasted by mistake: passwords in URLs are masked here too. */
function problemOf(name: string, variable: Variable<unknown>, text: string, wrong: string): string {
  const shown = variable.secret === null ? `${JSON.stringify(shorten(maskUrlPasswords(text)))} ` : ''
  return `${name}${shown === '' ? ' ' : ': '}${shown}${wrong}; it must be ${variable.kind.expects}.`
}

function shorten(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 99)}…`
}
