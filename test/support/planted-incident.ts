import type { Daemon } from './daemon.ts'
import { eventually } from './eventually.ts'
import type { Fixture } from './fixture.ts'
import { firstLines } from './operator-status.ts'
import { printedCommands, runPrinted } from './printed-commands.ts'

/** Waits until one of the first three lines that `workerctl status` prints contains all of `parts`; resolves to that line. */
export async function lineOfStatus(fixture: Pick<Fixture, 'variables'>, ...parts: readonly string[]): Promise<string> {
  let found = ''
  await eventually(`status says ${parts.join(' ... ')}`, async () => {
    const lines = await firstLines(fixture)
    found = lines.find((line) => parts.every((part) => line.includes(part))) ?? ''
    return found !== '' || lines.join('\n')
  })
  return found
}

/** Waits until `workerctl status` begins with "Nothing is wrong." */
export async function nothingIsWrong(fixture: Pick<Fixture, 'variables'>): Promise<void> {
  await eventually('nothing is wrong', async () => {
    const lines = await firstLines(fixture)
    return lines[0] === 'Nothing is wrong.' || lines.join('\n')
  })
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
  const groups = /Run: KAFKA_GROUPS=(\S+) npm start$/.exec(line)?.[1]
  if (groups === undefined) throw new Error(`no daemon to start: ${line}`)
  const daemon = fixture.daemon({ KAFKA_GROUPS: groups })
  await daemon.ready()
  return daemon
}
