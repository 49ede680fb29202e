import { getText } from '../infra/http/get-text.ts'
import type { HealthCheck, HealthReport } from '../infra/http/health-server.ts'
import type { Clock } from '../std/clock.ts'
import { mergeMetrics } from './merge-metrics.ts'
import { mergeReports } from './merge-reports.ts'
import type { ProcessState } from './supervisor.ts'

/** Where a process listens. */
export const LOOPBACK = '127.0.0.1'

/** Within that of a container's probe. Milliseconds. */
const PROBE_DEADLINE_MS = 2_000
/** Within those of a scrape and of a patient person. Milliseconds. */
const METRICS_DEADLINE_MS = 5_000
const STATUS_DEADLINE_MS = 10_000
/** Far more than any report. */
const MOST_CHARACTERS = 32 * 1024 * 1024

/** The same as one daemon says, of all processes. */
export interface ProcessReports {
  readonly live: () => Promise<HealthReport>
  readonly ready: () => Promise<HealthReport>
  readonly status: () => Promise<object>
  readonly lag: () => Promise<object>
  readonly metrics: () => Promise<string>
}

/**
 * Reads health, status and metrics of every process and merges them.
 *
 * @param of.processes as they are at the moment of the call
 * @param of.stallMs how long a process may load before liveness fails
 */
export function createProcessReports(of: {
  processes(): readonly ProcessState[]
  isStopping(): boolean
  readonly stallMs: number
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
}): ProcessReports {
  /** Since when a process that listens has not answered. */
  const silent = new Map<string, number>()

  /** What it answers; or why there is no answer: it does not listen, has just ended, or is frozen or blocked. */
  async function read(process: ProcessState, path: string, deadlineMs: number): Promise<Answer> {
    if (process.port === null) return { body: null, because: 'no-listener' }
    try {
      const { body } = await getText({ host: LOOPBACK, port: process.port, path }, { deadlineMs, mostCharacters: MOST_CHARACTERS })
      silent.delete(process.name)
      return { body }
    } catch (error) {
      const isLate = error instanceof Error && 'code' in error && error.code === 'ABORT_ERR'
      return { body: null, because: isLate ? 'late' : 'no-listener' }
    }
  }

  async function reportOf(process: ProcessState, path: '/livez' | '/readyz'): Promise<HealthReport> {
    const answer = await read(process, path, PROBE_DEADLINE_MS)
    const report = answer.body === null ? null : parsed(answer.body)
    if (isHealthReport(report)) return report
    // As it is now: it may have ended meanwhile.
    const check = absence(of.processes().find(({ name }) => name === process.name) ?? process, answer)
    return path === '/livez' && check.reason !== 'stalled' ? { ok: true, checks: {} } : { ok: false, checks: { process: check } }
  }

  function absence({ name, port, startedAt, ended }: ProcessState, { because }: Answer): HealthCheck {
    if (ended !== null) {
      silent.delete(name)
      const since = new Date(ended.at).toISOString()
      return of.isStopping()
        ? failing('stopping', `Has stopped (${ended.how}).`, since)
        : failing('restarting', `Ended (${ended.how}) and is started again.`, since)
    }
    if (port === null) {
      const ms = of.clock.monotonic() - startedAt
      const since = new Date(of.clock.now() - ms).toISOString()
      if (ms <= of.stallMs) return failing('booting', 'Loading its modules.', since)
      return failing('stalled', `Has not begun to listen for ${Math.round(ms / 1_000)} s. Restart it.`, since)
    }
    const at = silent.get(name) ?? of.clock.now()
    const since = new Date(at).toISOString()
    // A process that ends closes its connections a moment before its end is known.
    if (because !== 'late') return failing('restarting', 'Is ending.', since)
    silent.set(name, at)
    const seconds = PROBE_DEADLINE_MS / 1_000
    return failing('stalled', `Has not answered within ${seconds} s: its event loop is blocked, or it is frozen. Restart it.`, since)
  }

  async function all<T>(read: (process: ProcessState) => Promise<T>): Promise<ReadonlyMap<string, T>> {
    return new Map(await Promise.all(of.processes().map(async (process) => [process.name, await read(process)] as const)))
  }

  const live = async () => mergeReports(await all((process) => reportOf(process, '/livez')))
  const ready = async () => mergeReports(await all((process) => reportOf(process, '/readyz')))

  async function metricsOf(process: ProcessState): Promise<string> {
    const [{ body }, live] = await Promise.all([read(process, '/metrics', METRICS_DEADLINE_MS), reportOf(process, '/livez')])
    return `${ownMetrics(process, body !== null)}${body ?? silentMetrics(live.ok)}`
  }

  return {
    live,
    ready,
    async status() {
      const processes = await all(async (process) => {
        const { body } = await read(process, '/status', STATUS_DEADLINE_MS)
        return { pid: process.pid, restarts: process.restarts, status: body === null ? null : parsed(body) }
      })
      return { live: await live(), ready: await ready(), processes: Object.fromEntries(processes) }
    },
    /** Lag is that of the groups, whichever process says it. */
    async lag() {
      for (const process of of.processes()) {
        const { body } = await read(process, '/lag', STATUS_DEADLINE_MS)
        const view = body === null ? null : parsed(body)
        if (typeof view === 'object' && view !== null) return view
      }
      return { at: null, groups: {} }
    },
    metrics: async () => mergeMetrics(await all(metricsOf)),
  }
}

type Answer = { readonly body: string; readonly because?: undefined } | { readonly body: null; readonly because: 'no-listener' | 'late' }

function failing(reason: string, message: string, since: string): HealthCheck {
  return { ok: false, reason, message, since }
}

function ownMetrics({ restarts }: ProcessState, answers: boolean): string {
  return [
    '# HELP kafka_worker_process_up 1 while the process answers its supervisor.',
    '# TYPE kafka_worker_process_up gauge',
    `kafka_worker_process_up ${answers ? 1 : 0}`,
    '# HELP kafka_worker_process_restarts_total Times that the supervisor started the process again.',
    '# TYPE kafka_worker_process_restarts_total counter',
    `kafka_worker_process_restarts_total ${restarts}`,
    '',
  ].join('\n')
}

/** What alerts watch, of a process that says nothing itself. */
function silentMetrics(isLive: boolean): string {
  return [
    '# TYPE kafka_worker_live gauge',
    `kafka_worker_live ${isLive ? 1 : 0}`,
    '# TYPE kafka_worker_ready gauge',
    'kafka_worker_ready 0',
    '',
  ].join('\n')
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Cut off by the end of the process.
    return null
  }
}

function isHealthReport(value: unknown): value is HealthReport {
  return typeof value === 'object' && value !== null && 'ok' in value && 'checks' in value && typeof value.checks === 'object'
}
