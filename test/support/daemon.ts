import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { createInterface } from 'node:readline'
import { variableNames } from '../../config/variables.ts'
import { guard } from '../../stack/guard.ts'
import { identifyProcess } from '../../stack/process-identity.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { eventually } from './eventually.ts'
import { commandFor, failpointVariableNames, failpointVariables, type Failpoints } from './faults/failpoints.ts'
import { createSecretScanner } from './secret-scanner.ts'

/** Written by faults/collecting.ts. */
const COLLECTED = 'collected: '

/** The daemon as its users run it: a process of its own, spoken to by signals and HTTP. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number
  /** Every line of its log, parsed, oldest first. */
  readonly lines: readonly LogLine[]
  /** What it wrote that is no log line, standard error included. */
  readonly other: readonly string[]
  /** Where health and metrics are. */
  url(): string
  ready(): Promise<void>
  kill(signal: NodeJS.Signals): void
  /**
   * Sets its wall clock forward, or back; resolves when that is done, or the daemon is over. Only with `steppableClock` among its
   * failpoints.
   */
  stepClock(ms: number): Promise<void>
  /** Collects all of its garbage, and resolves to what is left. Only with `collecting` among its failpoints, and for a single process. */
  collect(): Promise<NodeJS.MemoryUsage>
  /** The exit code, or the signal's name. */
  readonly exited: Promise<number | NodeJS.Signals>
  metrics(): Promise<string>
  /** Leaves what it writes in the pipe, as a log collector that hangs, or reads it again. */
  holdOutput(on: boolean): void
  /** Stops reading what it writes, as a log collector that died. */
  closeOutput(): void
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string }

export interface DaemonOptions {
  /** Called with each line of its output, unchanged. */
  readonly onLine?: (line: string) => void
  /** It runs under an observer that kills, freezes or stalls it there; see faults/observed-daemon.ts. */
  readonly failpoints?: Failpoints
  /** Another copy of the repository, with a slash at its end. */
  readonly root?: URL
}

/**
 * Starts the daemon with nothing of this shell's own settings but `variables`. It is killed at the end of the test if it still runs, and
 * the test fails if anything that it wrote held an address or a secret.
 */
export function startDaemon(
  variables: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  options: DaemonOptions = {},
): Daemon {
  const { onLine, failpoints = {}, root } = options
  const settings = { HTTP_HOST: '127.0.0.1', HTTP_PORT: '0', LOG_LEVEL: 'debug', ...variables, ...failpointVariables(failpoints) }
  const env = cleanEnvironment(settings, [...variableNames, ...failpointVariableNames])
  const start = commandFor(failpoints, root)
  const stdio = ['ignore', 'pipe', 'pipe', ...(failpoints.steppableClock === true ? (['ipc'] as const) : [])] satisfies StdioOptions
  const child = spawn(start.command, [...start.args, ...args], { env, stdio, detached: true })
  if (child.stdout === null || child.stderr === null) throw new Error('the daemon has no output')
  const { stdout, stderr } = child
  const lines: LogLine[] = []
  const other: string[] = []
  const spills = createSecretScanner(variables)
  createInterface(stdout).on('line', (line) => {
    onLine?.(line)
    spills.scan(line)
    const parsed = parse(line)
    if (parsed === null) other.push(line)
    else lines.push(parsed)
  })
  createInterface(stderr).on('line', (line) => {
    onLine?.(line)
    spills.scan(line)
    other.push(line)
  })
  // A run that is killed leaves no daemon behind; the guardian ends groups, so it leads one.
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid)
  const release = identity === undefined ? () => undefined : guard({ kind: 'process', process: identity, signal: 'SIGKILL' })
  const exited = exitOf(child).finally(release)
  const url = () => {
    const found = lines.find((line) => line.msg === 'health and metrics')?.['url']
    if (typeof found !== 'string') throw new Error(`the daemon serves nothing yet: ${tail(lines, other)}`)
    return found
  }
  return {
    pid: child.pid ?? -1,
    lines,
    other,
    url,
    exited,
    kill: (signal) => child.kill(signal),
    stepClock: (ms) => stepClock(child, ms),
    async collect() {
      const collections = () => other.filter((line) => line.startsWith(COLLECTED))
      const before = collections().length
      child.kill('SIGPWR')
      await eventually('the daemon collects', () => collections().length > before || tail(lines, other))
      const usage: NodeJS.MemoryUsage = JSON.parse(collections().at(-1)?.slice(COLLECTED.length) ?? '')
      return usage
    },
    ready: () =>
      eventually('the daemon is ready', async () => {
        if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}: ${tail(lines, other)}`)
        const response = await fetch(`${url()}/readyz`)
        return response.ok ? true : `not ready: ${await response.text()}`
      }),
    metrics: async () => (await fetch(`${url()}/metrics`)).text(),
    holdOutput: (on) => void (on ? stdout.pause() : stdout.resume()),
    closeOutput: () => {
      stdout.destroy()
      stderr.destroy()
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
      if (spills.found.length > 0) throw new Error(`the output of the daemon held ${spills.found.join('; ')}`)
    },
  }
}

function stepClock(child: ChildProcess, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const isOver = () => child.exitCode !== null || child.signalCode !== null
    if (isOver()) return resolve()
    child.once('message', () => resolve())
    child.once('exit', () => resolve())
    child.send({ stepClockMs: ms }, (error) => {
      // A channel that is closed is the end of the process, which comes as `exit`.
      if (error !== null && child.connected) reject(error)
    })
  })
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1))
  })
}

function parse(line: string): LogLine | null {
  try {
    const parsed: unknown = line.startsWith('{') ? JSON.parse(line) : null
    return isLogLine(parsed) ? parsed : null
  } catch {
    // Half a line of a killed process.
    return null
  }
}

function isLogLine(value: unknown): value is LogLine {
  return typeof value === 'object' && value !== null && 'msg' in value && 'level' in value
}

function tail(lines: readonly LogLine[], other: readonly string[]): string {
  return [...lines.slice(-8).map((line) => JSON.stringify(line)), ...other.slice(-8)].join('\n')
}
