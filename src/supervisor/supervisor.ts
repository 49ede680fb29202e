import { exitCode } from '../daemon/exit-code.ts'
import type { Log } from '../infra/telemetry/log.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { ProcessOrder, ProcessReport } from './process-messages.ts'

/** Pauses before restarts: from half a second up to half a minute, then always about that. Milliseconds. */
const PAUSE = { baseMs: 1_000, maxMs: 30_000 }
/** A process that was ready for this long has recovered: its next end is a first one again. Milliseconds. */
const RECOVERED_MS = 60_000
/** Time beyond the process's own deadlines after which a stop kills it; milliseconds. */
const KILL_MS = 2_000

/** A running worker process. */
export interface WorkerProcess {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined
  /** Does nothing once the process has ended. */
  send(order: ProcessOrder): void
  /** SIGKILL. */
  kill(): void
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>
}

export interface ProcessEnd {
  /** Null when a signal ended it, or it could not be started. */
  readonly code: number | null
  /** The signal, or why it could not be started. */
  readonly cause: string | null
}

/** One of the processes, whether or not it runs at the moment. */
export interface ProcessState {
  /** `1` to `n`; a restart keeps it. */
  readonly name: string
  /** Null while it does not run. */
  readonly pid: number | null
  /** Of its HTTP server on the loopback interface; null until it listens. */
  readonly port: number | null
  /** Of its last start; milliseconds of the monotonic clock. */
  readonly startedAt: number
  readonly restarts: number
  /** Since when it does not run, and why; null while it does. */
  readonly ended: { readonly how: string; readonly at: number } | null
}

export interface SupervisorSettings {
  readonly count: number
  /** How long a process may drain; milliseconds. */
  readonly graceMs: number
  start(name: string, onReport: (report: ProcessReport) => void): WorkerProcess
  readonly log: Log
  readonly clock: Clock
  readonly random?: () => number
}

export interface Supervisor {
  /** Starts the processes and keeps them running until a stop; resolves to the exit code when all have ended. */
  run(): Promise<number>
  /** Stops all processes; the second call makes them end without draining. */
  stop(signal: string): void
  /** Passes a signal on; the processes that start later get the latest `quiet` and no other. */
  pass(command: 'quiet' | 'resume' | 'report', signal: string): void
  processes(): readonly ProcessState[]
  isStopping(): boolean
}

interface Slot {
  readonly name: string
  process: WorkerProcess | null
  port: number | null
  startedAt: number
  /** When it became ready; null while it is not. Monotonic. */
  readyAt: number | null
  restarts: number
  ended: { readonly how: string; readonly at: number } | null
}

/**
 * Runs `count` processes of the daemon.
 *
 * - The others start once the first has accepted the configuration, so that a wrong one is reported once.
 * - A process that ends without a stop is started again after a growing pause. A refused start ends all, as it would end the daemon,
 *   unless another process is at work: then the cause may pass.
 * - A stop gives the processes their own time to drain, and kills those that still run afterwards.
 */
export function createSupervisor(settings: SupervisorSettings): Supervisor {
  const { count, graceMs, log, clock } = settings
  const slots = Array.from({ length: count }, (_, index): Slot => {
    return { name: String(index + 1), process: null, port: null, startedAt: clock.monotonic(), readyAt: null, restarts: 0, ended: null }
  })
  const stopping = new AbortController()
  const done = new AbortController()
  const configured = Promise.withResolvers<void>()
  stopping.signal.addEventListener('abort', () => configured.resolve())
  let quietSignal: string | null = null
  let stops = 0
  let isRefused = false
  let isClean = true
  let wasReady = false

  function onReport(slot: Slot, report: ProcessReport): void {
    if (report.is === 'serving') {
      slot.port = report.port
      configured.resolve()
      return
    }
    slot.readyAt = clock.monotonic()
    if (wasReady || slots.some(({ readyAt }) => readyAt === null)) return
    wasReady = true
    log.info({ processes: count }, 'ready')
  }

  /** One life of the process. */
  async function live(slot: Slot): Promise<ProcessEnd & { readonly readyForMs: number }> {
    const process = settings.start(slot.name, (report) => {
      if (slot.process === process) onReport(slot, report)
    })
    slot.process = process
    slot.ended = null
    slot.startedAt = clock.monotonic()
    if (quietSignal !== null) process.send({ signal: quietSignal, times: 1 })
    const end = await process.ended
    const readyForMs = slot.readyAt === null ? 0 : clock.monotonic() - slot.readyAt
    Object.assign(slot, { process: null, port: null, readyAt: null, ended: { how: wordsFor(end), at: clock.now() } })
    return { ...end, readyForMs }
  }

  async function keepRunning(slot: Slot): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      const end = await live(slot)
      if (stopping.signal.aborted) {
        isClean &&= end.code === exitCode.clean
        return
      }
      if (end.code === exitCode.refused && slots.every(({ readyAt }) => readyAt === null)) {
        // The cause is in the log of the process.
        isRefused = true
        order('SIGTERM')
        return
      }
      failures = end.readyForMs >= RECOVERED_MS ? 1 : failures + 1
      const pauseMs = backoff(failures, { ...PAUSE, ...(settings.random && { random: settings.random }) })
      log.error({ child: slot.name, code: end.code, cause: end.cause, pauseMs }, 'worker process ended, restarting')
      await clock.sleep(pauseMs, stopping.signal)
      slot.restarts++
    }
  }

  function running(): readonly WorkerProcess[] {
    return slots.flatMap(({ process }) => (process === null ? [] : [process]))
  }

  function order(signal: string): void {
    stops++
    for (const process of running()) process.send({ signal, times: stops })
    stopping.abort()
    void killAfter(stops === 1 ? graceMs + KILL_MS : KILL_MS)
  }

  async function killAfter(ms: number): Promise<void> {
    await clock.sleep(ms, done.signal)
    for (const { name, process } of slots) {
      if (process === null) continue
      log.error({ child: name }, 'worker process killed: it did not stop in time')
      process.kill()
    }
  }

  return {
    async run() {
      const [first, ...others] = slots
      const all = others.map(async (slot) => {
        await configured.promise
        await keepRunning(slot)
      })
      if (first !== undefined) all.push(keepRunning(first))
      await Promise.all(all)
      done.abort()
      if (isRefused) return exitCode.refused
      if (isClean) log.info('stopped')
      return isClean ? exitCode.clean : exitCode.forced
    },
    stop(signal) {
      if (stops === 0) log.info({ signal }, 'stopping')
      order(signal)
    },
    pass(command, signal) {
      if (command === 'quiet') quietSignal = signal
      if (command === 'resume') quietSignal = null
      for (const process of running()) process.send({ signal, times: 1 })
    },
    isStopping: () => stopping.signal.aborted,
    processes: () =>
      slots.map(({ name, process, port, startedAt, restarts, ended }) => {
        return { name, pid: process?.pid ?? null, port, startedAt, restarts, ended }
      }),
  }
}

function wordsFor({ code, cause }: ProcessEnd): string {
  return code === null ? (cause ?? 'unknown cause') : `exit code ${code}`
}
