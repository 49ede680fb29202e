import type { Daemon } from './daemon.ts'
import { eventually } from './eventually.ts'
import type { Fixture } from './fixture.ts'
import { firstLines } from './operator-status.ts'
import { printedCommands, runPrinted } from './printed-commands.ts'

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
  const line = await lookFor(fixture, String(cause), (one) => cause.test(one), variables)
  return { line, command: line.slice(line.indexOf(' Run: ') + ' Run: '.length) }
}

/** The same for a line that contains all of `parts`. */
export async function lineOfStatus(fixture: Fixture, ...parts: readonly string[]): Promise<string> {
  return lookFor(fixture, parts.join(' ... '), (line) => parts.every((part) => line.includes(part)))
}

async function lookFor(
  fixture: Fixture,
  what: string,
  isIt: (line: string) => boolean,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const seen: (readonly string[])[] = []
  while (seen.length < LOOKS) {
    const lines = await firstLines(fixture, variables)
    const found = lines.find(isIt)
    if (found !== undefined) return found
    seen.push(lines)
  }
  throw new Error(`None of the first three lines is ${what} in ${LOOKS} looks; the last were:\n${seen.at(-1)?.join('\n')}`)
}

/** Waits until all work is done and `workerctl status` says that nothing is wrong. */
export async function fixed(fixture: Fixture, variables: Readonly<Record<string, string>> = {}): Promise<void> {
  await fixture.drained()
  await nothingIsWrong(fixture, variables)
}

/** Waits until `workerctl status` begins with "Nothing is wrong." */
export async function nothingIsWrong(fixture: Fixture, variables: Readonly<Record<string, string>> = {}): Promise<void> {
  await eventually('nothing is wrong', async () => {
    const lines = await firstLines(fixture, variables)
    return lines[0] === 'Nothing is wrong.' || lines.join('\n')
  })
}

/** Runs the statement of a printed psql command. */
export async function runPrintedSql(fixture: Fixture, command: string): Promise<readonly unknown[]> {
  const statement = /^psql "\$DATABASE_URL" -c '([^']+)'$/.exec(command)?.[1]
  if (statement === undefined) throw new Error(`This is no psql command: ${command}`)
  return fixture.sql.query(statement)
}

/** Runs the command of workerctl that a line of `status` ends with, literally. @throws when it is refused or fails */
export async function runFix(fixture: Pick<Fixture, 'variables'>, line: string): Promise<string> {
  const [command] = printedCommands(line)
  if (command === undefined) throw new Error(`no command of workerctl: ${line}`)
  const { code, out, err } = await runPrinted(fixture, command)
  if (code !== 0) throw new Error(`${command}: ${err}`)
  return out
}

/** Starts the daemon that a line of `status` ends with, such as `KAFKA_GROUPS=email-workers npm start`. */
export async function startPrinted(fixture: Pick<Fixture, 'daemon'>, line: string): Promise<Daemon> {
  const groups = /Run: KAFKA_GROUPS=(\S+)(?: HTTP_PORT=0)? npm start$/.exec(line)?.[1]
  if (groups === undefined) throw new Error(`no daemon to start: ${line}`)
  const daemon = fixture.daemon({ KAFKA_GROUPS: groups })
  await daemon.ready()
  return daemon
}
