import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { variableNames } from '../../config/variables.ts'
import { daemonCommand } from '../../stack/daemon-command.ts'
import { spawnGuarded } from '../../stack/guarded-process.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Servers } from './servers.ts'

/** The daemon, a process of its own. */
export interface Daemon {
  readonly pid: number
  /** Of its health checks and metrics. */
  readonly url: string
  readonly logFile: string
  /** From its start until it was ready. */
  readonly readyMs: number
  /** Rejects with its last lines when it exits without having been stopped; otherwise never settles. */
  readonly died: Promise<never>
  /** SIGTERM, and its own time to drain; resolves with how it ended, in words. */
  stop(): Promise<string>
}

const READY_DEADLINE_MS = 90_000
/** A little more than the daemon's own SHUTDOWN_GRACE_MS. */
const STOP_DEADLINE_MS = 35_000

/** Starts the daemon on the servers and waits until it is ready. @throws {OperatorError} it ended instead; with its last lines. */
export async function startDaemon(servers: Servers, logFile: string, signal: AbortSignal): Promise<Daemon> {
  const startedAt = performance.now()
  const { command, args } = daemonCommand()
  const child = await spawnGuarded(command, args, {
    env: cleanEnvironment(environmentFor(servers), variableNames),
    logFile,
    lastSignal: 'SIGTERM',
  })
  let isStopping = false
  const died = child.exited.then(async (how) => {
    // During a stop any end is expected.
    if (isStopping) return new Promise<never>(() => undefined)
    throw new OperatorError(`The daemon ended with ${how}; its log is ${logFile} and ends:\n${await lastLines(logFile)}`)
  })
  // Callers that do not await it must not see an unhandled rejection.
  died.catch(() => undefined)

  const stop = async () => {
    isStopping = true
    await child.end('SIGTERM', STOP_DEADLINE_MS)
    return child.exited
  }
  try {
    const url = await Promise.race([untilReady(logFile, startedAt, signal), died])
    return { pid: child.pid, url, logFile, readyMs: performance.now() - startedAt, died, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Short intervals, so that changes are visible at once; everything else has its default. */
function environmentFor(servers: Servers): Record<string, string> {
  return {
    KAFKA_BROKERS: servers.brokers.join(','),
    KAFKA_TOPIC: servers.topic,
    KAFKA_GROUPS: servers.groups.map(({ name }) => name).join(','),
    ...(servers.groupPrefix === '' ? {} : { KAFKA_GROUP_PREFIX: servers.groupPrefix }),
    // Records of an earlier demo are not processed again with a new database.
    ...(servers.existing ? { KAFKA_START_FROM: 'latest' } : {}),
    DATABASE_URL: servers.databaseUrl,
    SMTP_URL: servers.smtpUrl,
    MAIL_FROM: 'Demo <demo@example.com>',
    REFERRAL_LINK_TEMPLATE: 'https://example.com/r/{referral_code}',
    WEBHOOK_ALLOW_CIDR: '127.0.0.0/8',
    LEADERBOARD_SWEEP_MS: '500',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
  }
}

/** The line for a shell with which workerctl looks at the demo's own servers. */
export function exportLine(servers: Servers): string {
  const all = environmentFor(servers)
  const names = ['KAFKA_BROKERS', 'DATABASE_URL', 'KAFKA_GROUPS', 'SMTP_URL', 'MAIL_FROM', 'WEBHOOK_ALLOW_CIDR']
  return `export ${names.map((name) => `${name}='${(all[name] ?? '').replaceAll("'", String.raw`'\''`)}'`).join(' ')}`
}

/** Resolves with the address in its log, once its log says that it is ready. */
async function untilReady(logFile: string, startedAt: number, signal: AbortSignal): Promise<string> {
  let url: string | undefined
  while (performance.now() - startedAt < READY_DEADLINE_MS) {
    url ??= /"url":"(http:[^"]+)"/.exec(await readFile(logFile, 'utf8'))?.[1]
    if (url !== undefined && (await isReady(url))) return url
    await pause(25, undefined, { signal })
  }
  throw new OperatorError(
    `The daemon was not ready after ${READY_DEADLINE_MS / 1000} s; its log ${logFile} ends:\n${await lastLines(logFile)}`,
  )
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok
  } catch {
    // Not listening yet, or no longer; `died` reports the end of the process.
    return false
  }
}

async function lastLines(logFile: string): Promise<string> {
  return (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-10).join('\n')
}
