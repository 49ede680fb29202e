import type { Config } from '../config/load.ts'
import { createApp, type App } from './app.ts'
import { announceStart, type StartupFacts } from './infra/telemetry/startup-block.ts'
import type { Log } from './infra/telemetry/log.ts'
import { OperatorError, messageOf } from './std/failure.ts'

/** Exit codes of the daemon (README.md). */
export const exitCode = { clean: 0, refused: 1, forced: 2, kafkaLost: 3 } as const

/** Cut-off sends get this long to be recorded before the process ends by force; milliseconds. */
const CUT_OFF_MS = 1_000

export interface DaemonSettings {
  readonly config: Config
  readonly log: Log
  readonly version: string
  readonly startup: StartupFacts
  readonly output: { readonly isTTY?: boolean; write(text: string): unknown }
  /** Calls back at each signal that asks the process to stop. */
  onStopSignal(listener: (signal: string) => void): void
}

/**
 * The life of the process: boots, runs until it is asked to stop, drains, and resolves to the exit code. The first signal
 * drains within `SHUTDOWN_GRACE_MS`; a second one, or the end of that time, forces and says what blocked.
 */
export async function runDaemon(settings: DaemonSettings): Promise<number> {
  const { config, log } = settings
  for (const warning of config.warnings) log.warn(warning)
  announceStart(settings.startup, log, settings.output)

  const asked = new AbortController()
  const forced = Promise.withResolvers<string>()
  settings.onStopSignal((signal) => {
    if (asked.signal.aborted) forced.resolve(`a second ${signal}`)
    else log.info({ signal }, 'stopping')
    asked.abort()
  })

  let app: App
  try {
    app = createApp(config, log, settings.version)
  } catch (error) {
    return refuse(log, error)
  }
  const ended = await Promise.race([boot(app, asked.signal), forced.promise.then(() => 'forced' as const)])
  if (typeof ended === 'object') {
    const code = refuse(log, ended.error)
    await drain(app, config, log, forced.promise)
    return code
  }
  if (ended === 'running') log.info('ready')
  const lost = await Promise.race([untilAborted(asked.signal), app.lost])
  if (lost !== null) log.fatal(`Kafka is lost for good: ${lost.message}`)
  const drained = await drain(app, config, log, forced.promise)
  if (lost !== null) return exitCode.kafkaLost
  return drained ? exitCode.clean : exitCode.forced
}

async function boot(app: App, signal: AbortSignal): Promise<'running' | { error: unknown }> {
  try {
    await app.start(signal)
    return 'running'
  } catch (error) {
    return signal.aborted ? 'running' : { error }
  }
}

/** Stops within the grace period; false when it had to be forced. */
async function drain(app: App, config: Config, log: Log, forced: Promise<string>): Promise<boolean> {
  const graceMs = config.process.shutdownGraceMs
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`SHUTDOWN_GRACE_MS=${graceMs} have passed`), Math.max(0, graceMs - CUT_OFF_MS))
  })
  const stopped = app.stop().then(
    () => null,
    (error: unknown) => messageOf(error),
  )
  const reason = await Promise.race([stopped, deadline, forced])
  clearTimeout(timer)
  if (reason === null) {
    log.info('stopped')
    return true
  }
  log.error({ blockers: app.blockers() }, `forced to stop: ${reason}`)
  app.abort()
  await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, CUT_OFF_MS))])
  return false
}

function refuse(log: Log, error: unknown): number {
  if (error instanceof OperatorError) log.fatal(error.message)
  else log.fatal({ err: error }, 'could not start')
  return exitCode.refused
}

function untilAborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    else signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}
