import type { Config } from '../../config/load.ts'
import { createApp, type App } from './app.ts'
import { exitCode } from './exit-code.ts'
import { announceStart, type StartupFacts } from '../infra/telemetry/startup-block.ts'
import type { Log } from '../infra/telemetry/log.ts'
import { openTracing } from '../infra/telemetry/otlp-tracing.ts'
import { databaseSentence } from '../admin/database-sentence.ts'
import { OperatorError, messageOf, asSentence } from '../std/failure.ts'
import { SqlError } from '../std/sql.ts'
import type { Observe } from '../model/fact.ts'

/** Time to record the outcomes of aborted sends before a forced exit; milliseconds. */
const CUT_OFF_MS = 1_000

interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** `quiet`: take no new work; `resume`: take new work again; `report`: log the work in flight. */
export type Command = 'stop' | 'quiet' | 'resume' | 'report'

export interface DaemonSettings {
  readonly config: Config
  readonly log: Log
  readonly version: string
  readonly startup: StartupFacts
  readonly output: Output
  /** When it is a terminal, the sentence that ends the process is also printed here as a plain line. */
  readonly terminal: Output
  /** Observes every fact, after log and metrics. */
  readonly observe?: Observe | undefined
  /** Called once health and metrics are served, with the port. */
  readonly onServing?: ((port: number) => void) | undefined
  /** Called when the start is complete. */
  readonly onReady?: (() => void) | undefined
  /** Registers a listener for the signals of a command. */
  on(command: Command, listener: (signal: string) => void): void
}

/**
 * Runs the daemon: starts, runs until it receives a stop signal, drains, and resolves to the exit code. The first signal drains within
 * `SHUTDOWN_GRACE_MS`; a second one, or the end of that time, forces the exit and logs what was still running.
 */
export async function runDaemon(settings: DaemonSettings): Promise<number> {
  const { config, log } = settings
  for (const warning of config.warnings) log.warn(warning)
  announceStart(settings.startup, log, settings.output)

  const stopping = new AbortController()
  const forced = Promise.withResolvers<string>()
  settings.on('stop', (signal) => {
    if (stopping.signal.aborted) forced.resolve(`a second ${signal}`)
    else log.info({ signal }, 'stopping')
    stopping.abort()
  })

  let app: App
  try {
    const tracing = config.tracing === null ? undefined : await openTracing(config.tracing, settings.version)
    app = createApp(config, log, settings.version, { observe: settings.observe, onServing: settings.onServing, tracing })
  } catch (error) {
    refuse(settings, error)
    return exitCode.refused
  }
  settings.on('quiet', () => app.quiet(true))
  settings.on('resume', () => app.quiet(false))
  settings.on('report', () => app.report())
  const stopRequested = untilAborted(stopping.signal)
  const booting = boot(app, stopping.signal)
  const booted = await Promise.race([booting, stopRequested])
  if (booted !== null && 'error' in booted) refuse(settings, booted.error)
  else if (booted !== null) {
    log.info('ready')
    settings.onReady?.()
  }

  const lost = booted === null || 'error' in booted ? null : await Promise.race([stopRequested, app.lost])
  if (lost !== null) fatal(settings, `The Kafka client cannot recover: ${asSentence(lost.message)}`)
  const isDrained = await drain(settings, app, booting, forced.promise)
  if (booted !== null && 'error' in booted) return exitCode.refused
  if (lost !== null) return exitCode.kafkaLost
  return isDrained ? exitCode.clean : exitCode.forced
}

type Booted = { readonly is: 'running' | 'stopped' } | { readonly error: unknown }

async function boot(app: App, signal: AbortSignal): Promise<Booted> {
  try {
    await app.start(signal)
    return { is: signal.aborted ? 'stopped' : 'running' }
  } catch (error) {
    // A startup aborted by a stop fails, but was not refused.
    return signal.aborted ? { is: 'stopped' } : { error }
  }
}

/** Stops within the grace period; false when it had to be forced. */
async function drain(settings: DaemonSettings, app: App, booting: Promise<unknown>, forced: Promise<string>): Promise<boolean> {
  const { log } = settings
  const graceMs = settings.config.process.shutdownGraceMs
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`SHUTDOWN_GRACE_MS (${graceMs}) has passed`), Math.max(0, graceMs - CUT_OFF_MS))
  })
  // The startup ends as well: by its signal while it waits, by the stop of the groups while they join.
  const stopped = Promise.all([app.stop(), booting]).then(
    () => null,
    (error: unknown) => messageOf(error),
  )
  const reason = await Promise.race([stopped, deadline, forced])
  clearTimeout(timer)
  if (reason === null) {
    log.info('stopped')
    return true
  }
  const blockers = app.blockers()
  log.error(
    { blockers },
    announce(settings, `Forced shutdown, because ${reason}; still running: ${blockers.join('; ') || 'connections that do not close'}.`),
  )
  app.abort()
  await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, CUT_OFF_MS))])
  return false
}

function refuse(settings: DaemonSettings, error: unknown): void {
  const known = error instanceof SqlError ? databaseSentence(error) : error
  if (known instanceof OperatorError) fatal(settings, asSentence(known.message))
  else settings.log.fatal({ err: error }, announce(settings, 'The startup failed with an unexpected error; see the log line for details.'))
}

function fatal(settings: DaemonSettings, sentence: string): void {
  settings.log.fatal(announce(settings, sentence))
}

/** Prints the sentence on a terminal as well, where it would be overlooked between lines of JSON. */
function announce({ terminal }: DaemonSettings, sentence: string): string {
  if (terminal.isTTY === true) terminal.write(`${sentence}\n`)
  return sentence
}

function untilAborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    else signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}
