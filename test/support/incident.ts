import { eventually } from './eventually.ts'
import type { Fixture } from './fixture.ts'
import { firstLines } from './operator-status.ts'

/** Looks at `workerctl status`, about 30 seconds on an idle machine: each takes more than two. */
const LOOKS = 12

/** A planted incident as an operator finds it. */
export interface Named {
  /** The line that names it. */
  readonly line: string
  /** The command that the line ends with, as it is printed. */
  readonly command: string
}

/** Looks until one of the first three printed lines matches, at most 12 times; resolves to that line. */
export async function namedFirst(fixture: Fixture, cause: RegExp, variables: Readonly<Record<string, string>> = {}): Promise<Named> {
  const seen: (readonly string[])[] = []
  while (seen.length < LOOKS) {
    const lines = await firstLines(fixture, variables)
    const line = lines.find((one) => cause.test(one))
    if (line !== undefined) return { line, command: line.slice(line.indexOf(' Run: ') + ' Run: '.length) }
    seen.push(lines)
  }
  throw new Error(`None of the first three lines matches ${cause} in ${LOOKS} looks; the last was:\n${seen.at(-1)?.join('\n')}`)
}

/** Waits until all work is done and `workerctl status` says that nothing is wrong. */
export async function mended(fixture: Fixture, variables: Readonly<Record<string, string>> = {}): Promise<void> {
  await fixture.drained()
  await eventually('nothing is wrong', async () => {
    const lines = await firstLines(fixture, variables)
    return lines[0] === 'Nothing is wrong.' || lines.join('\n')
  })
}

/** Runs the statement of a printed psql command. */
export async function runPrintedSql(fixture: Fixture, command: string): Promise<readonly unknown[]> {
  const statement = /^psql -c '([^']+)'$/.exec(command)?.[1]
  if (statement === undefined) throw new Error(`This is no psql command: ${command}`)
  return fixture.sql.query(statement)
}
