import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { daemonCommand } from '../../stack/daemon-command.ts'
import { spawnGuarded } from '../../stack/guarded-process.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import type { Peers } from './peers.ts'
import { SECRET } from './seed.ts'
import { logFileIn } from './servers.ts'
import type { SinkPorts } from '../sinks/main.ts'

export type ContenderName = 'ours' | 'plain' | 'go'

/** What a contender is started for. `all` are our three groups; the others do one thing each and mail then. */
export type Work = 'mail' | 'webhooks' | 'drain' | 'all'

export interface Job {
  readonly work: Work
  readonly brokers: readonly string[]
  readonly topic: string
  /** Of the names of all groups: every run has groups of its own. */
  readonly suffix: string
  readonly databaseUrl: string
  readonly sinks: SinkPorts
  /** How many a drain ends after. */
  readonly events: number
  readonly folder: string
}

export interface Contender {
  readonly name: ContenderName
  /** For people: what it is made of. */
  readonly about: string
  start(job: Job): Promise<RunningWorker>
}

export interface RunningWorker {
  readonly pid: number
  /** From the start of the process until it was ready; null where a program does not say. */
  readonly readyMs: number | null
  /** What it has written so far. */
  output(): Promise<string>
  running(): boolean
  /** @throws {Error} it has ended, with its last lines */
  requireRunning(): Promise<void>
  /** How it ended, in words. */
  readonly exited: Promise<string>
  /** SIGTERM, and its own time to drain. */
  stop(): Promise<void>
}

const READY_DEADLINE_MS = 90_000
const STOP_DEADLINE_MS = 40_000

/**
 * @param options.nodeArgs before those of `npm start`
 * @param options.processes WORKER_PROCESSES; their CPU and memory are added up, the supervisor's included
 * @param options.variables of the daemon, over those of the bench
 */
export function ours({
  nodeArgs = [],
  processes = 1,
  variables = {},
}: { nodeArgs?: readonly string[]; processes?: number; variables?: Readonly<Record<string, string>> } = {}): Contender {
  const { command, args } = daemonCommand()
  return {
    name: 'ours',
    about: `kafka-worker, its default configuration${processes === 1 ? '' : `, ${processes} processes`}`,
    start: async (job) => {
      const environment = { ...daemonEnvironment(job), ...(processes === 1 ? {} : { WORKER_PROCESSES: String(processes) }), ...variables }
      return launch('ours', command, [...nodeArgs, ...args], environment, job.folder, daemonIsReady)
    },
  }
}

export const plain: Contender = {
  name: 'plain',
  about: 'a Node worker: kafkajs eachMessage, an INSERT per event, nodemailer or undici',
  start: async (job) => {
    const args = [fileURLToPath(new URL('../plain/main.ts', import.meta.url)), job.work === 'all' ? 'mail' : job.work]
    return launch('plain', process.execPath, args, handWritten(job), job.folder, async (output) => output.includes('{"ready":true}'))
  },
}

export function go(peers: Peers): Contender {
  return {
    name: 'go',
    about: 'Go workers: kafka-go, pgx, go-mail or net/http; franz-go drains',
    start: async (job) => {
      const [program, work] = job.work === 'drain' ? [peers.franzGo, 'drain'] : [peers.kafkaGo, job.work === 'all' ? 'mail' : job.work]
      return launch('go', program, [work], handWritten(job), job.folder, null)
    },
  }
}

/** The name of our groups in a run begins with this. */
export function groupPrefix(suffix: string): string {
  return `${suffix.slice(1)}.`
}

/** What an installation has to say; all else is default. */
export function daemonEnvironment({ work, brokers, topic, suffix, databaseUrl, sinks }: Job): Record<string, string> {
  // The hand-written workers are one group each. A drain and an idle daemon run all.
  const only = { mail: 'email-workers', webhooks: 'reward-workers', drain: null, all: null }[work]
  return {
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_TOPIC: topic,
    KAFKA_GROUP_PREFIX: groupPrefix(suffix),
    ...(only === null ? {} : { KAFKA_GROUPS: only }),
    KAFKA_START_FROM: 'earliest',
    DATABASE_URL: databaseUrl,
    SMTP_URL: `smtp://127.0.0.1:${sinks.smtp}`,
    MAIL_FROM: 'Waitlist <hello@example.com>',
    REFERRAL_LINK_TEMPLATE: 'https://example.com/join/{referral_code}',
    WEBHOOK_ALLOW_CIDR: '127.0.0.0/8',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
  }
}

function handWritten({ work, brokers, topic, suffix, databaseUrl, sinks, events }: Job): Record<string, string> {
  return {
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_TOPIC: topic,
    GROUP_SUFFIX: suffix,
    DATABASE_URL: `${databaseUrl}?sslmode=disable`,
    SMTP_HOST: '127.0.0.1',
    SMTP_PORT: String(sinks.smtp),
    WEBHOOK_URL: `http://127.0.0.1:${sinks.http}/tenant/0`,
    WEBHOOK_SECRET: SECRET,
    // The Go programs end after so many; what is measured from outside must not.
    EVENTS: String(work === 'drain' ? events : 1_000_000_000),
    // A commit that is awaited per event would cost kafka-go nine tenths of its speed.
    COMMIT_INTERVAL_MS: '1000',
  }
}

type IsReady = (output: string) => Promise<boolean>

async function launch(
  name: ContenderName,
  command: string,
  args: readonly string[],
  environment: Record<string, string>,
  folder: string,
  isReady: IsReady | null,
): Promise<RunningWorker> {
  const logFile = logFileIn(folder, name)
  const startedAt = performance.now()
  const child = await spawnGuarded(command, args, { env: cleanEnvironment(environment), logFile, lastSignal: 'SIGTERM' })
  const output = () => readFile(logFile, 'utf8')
  const ended = async (how: string) =>
    new Error(`${name} ${how}. Its last lines:\n${(await output()).trimEnd().split('\n').slice(-8).join('\n')}`)
  const requireRunning = async () => {
    if (!child.running()) throw await ended(`ended with ${await child.exited}`)
  }
  const stop = () => child.end('SIGTERM', STOP_DEADLINE_MS)
  try {
    while (isReady !== null && !(await isReady(await output()))) {
      await requireRunning()
      if (performance.now() - startedAt > READY_DEADLINE_MS) throw await ended(`was not ready after ${READY_DEADLINE_MS / 1_000} s`)
      await pause(10)
    }
  } catch (error) {
    await stop()
    throw error
  }
  const readyMs = isReady === null ? null : performance.now() - startedAt
  return { pid: child.pid, readyMs, output, running: () => child.running(), requireRunning, exited: child.exited, stop }
}

async function daemonIsReady(output: string): Promise<boolean> {
  const url = /"url":"(http:[^"]+)"/.exec(output)?.[1]
  if (url === undefined) return false
  try {
    return (await fetch(`${url}/readyz`)).ok
  } catch {
    // Not listening yet, or no longer; then the process has ended.
    return false
  }
}
