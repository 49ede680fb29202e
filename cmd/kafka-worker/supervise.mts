import { environment } from '../../config/environment.ts'
import { readVariables } from '../../config/read-variables.ts'
import { exitCode } from '../../src/daemon/exit-code.ts'
import { createAdminRoutes, quietVerbs } from '../../src/infra/http/admin-routes.ts'
import { startHealthServer, type HealthServer } from '../../src/infra/http/health-server.ts'
import { openLogDestination } from '../../src/infra/telemetry/log-destination.ts'
import { createLog, type Log } from '../../src/infra/telemetry/log.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError, asSentence } from '../../src/std/failure.ts'
import { createForwarder, forwardedVerbs } from '../../src/supervisor/forward-request.ts'
import { LOOPBACK, createProcessReports } from '../../src/supervisor/process-reports.ts'
import { spawnProcess } from '../../src/supervisor/spawn-process.ts'
import { createSupervisor, type Supervisor } from '../../src/supervisor/supervisor.ts'
import { signals } from './signals.mts'

/**
 * Runs as many processes of the daemon as WORKER_PROCESSES says, and serves health and metrics of all on one port; resolves to the exit code.
 * It loads nothing that only the daemon needs. One process, or variables with problems, are the daemon's own matter.
 *
 * @param surroundings.early signals that arrived before there was a handler, oldest first; more may be added until this resolves
 */
export async function main({ early }: { readonly early: readonly string[] }): Promise<number> {
  const { values, problems } = readVariables(environment)
  const { WORKER_PROCESSES: count, HTTP_HOST: host, HTTP_PORT: port, HTTP_TOKEN: token, SHUTDOWN_GRACE_MS: graceMs } = values
  const { LIVENESS_STALL_MS: stallMs, ADMIN_TOKEN: adminToken, ADMIN_ACCESS: access } = values
  if (problems.length > 0 || count === 1) {
    const daemon = await import('./run.mts')
    return daemon.main([], { early })
  }

  const log = createLog({ level: values.LOG_LEVEL, destination: openLogDestination(), process: 'supervisor' })
  const [, program = ''] = process.argv
  const supervisor = createSupervisor({
    count,
    graceMs,
    start(name, onReport) {
      const child = spawnProcess(
        [...process.execArgv, program, 'process', name],
        { ...environment, HTTP_HOST: LOOPBACK, HTTP_PORT: '0' },
        onReport,
      )
      log.info({ child: name, childPid: child.pid }, 'worker process started')
      return child
    },
    log,
    clock: systemClock,
  })
  const processes = () => supervisor.processes()
  const reports = createProcessReports({ processes, isStopping: () => supervisor.isStopping(), stallMs, clock: systemClock })
  let server: HealthServer
  try {
    const verbs = { ...quietVerbs((on) => passQuiet(supervisor, on)), ...forwardedVerbs({ processes, token: adminToken }) }
    const admin = createAdminRoutes({
      token: adminToken,
      access,
      verbs,
      onFailed: (verb, error) => log.warn({ err: error, verb }, 'admin verb failed'),
    })
    const suppressions = token === undefined ? null : createForwarder({ processes })
    server = await startHealthServer({ host, port, ...reports, suppressions, admin })
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    refuse(log, asSentence(error.message))
    return exitCode.refused
  }
  log.info({ url: server.url }, 'health and metrics')
  passSignals(supervisor, early)
  const code = await supervisor.run()
  await server.close()
  return code
}

/** To every process, as the signal does. */
function passQuiet(supervisor: Supervisor, on: boolean): void {
  const command = on ? 'quiet' : 'resume'
  supervisor.pass(command, signals[command][0])
}

function passSignals(supervisor: Supervisor, early: readonly string[]): void {
  const actions = [
    ...signals.stop.map((signal) => [signal, () => supervisor.stop(signal)] as const),
    ...(['quiet', 'resume', 'report'] as const).flatMap((command) =>
      signals[command].map((signal) => [signal, () => supervisor.pass(command, signal)] as const),
    ),
  ]
  for (const [signal, act] of actions) process.on(signal, act)
  for (const signal of early) actions.find(([name]) => name === signal)?.[1]()
}

/** Also as a plain line on a terminal, as the daemon does. */
function refuse(log: Log, sentence: string): void {
  log.fatal(sentence)
  if (process.stderr.isTTY) process.stderr.write(`${sentence}\n`)
}
