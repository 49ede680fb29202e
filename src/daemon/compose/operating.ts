import { hostname } from 'node:os'
import { createAdminRoutes, quietVerbs } from '../../infra/http/admin-routes.ts'
import { startHealthServer, type HealthServer } from '../../infra/http/health-server.ts'
import { createSuppressionEndpoint } from '../../infra/http/suppression-endpoint.ts'
import { nameSession, quietSession } from '../../infra/postgres/admin/quiet-sessions.ts'
import { unsubscribe } from '../../infra/postgres/admin/unsubscribe.ts'
import { requireWritable } from '../../infra/postgres/client/writable.ts'
import { checkRights } from '../../infra/postgres/schema/schema-check.ts'
import type { ReplayRunner } from '../../ingest/replay-runner.ts'
import { isGroupPaused } from '../../model/pause.ts'
import { createDatabaseProbe, promptSql, type DatabaseProbe } from '../database-probe.ts'
import type { PauseWatch } from '../pause-watch.ts'
import type { Tasks } from '../periodic-tasks.ts'
import { createQuietMark } from '../quiet-mark.ts'
import { watchStatements } from '../slow-statements.ts'
import { DATABASE_PROBE } from '../watchdog.ts'
import { composePauses } from './follow-pauses.ts'
import type { Shared } from './groups.ts'
import { scheduleLetters } from './letters.ts'
import { composeOperatorVerbs } from './operator-verb-ports.ts'
import { composeReplays } from './replays.ts'
import { composeReports, type Reports } from './reports.ts'

/** Interval and deadline of the database probe for readiness; milliseconds. */
const PROBE_MS = 1_000
const PROBE_DEADLINE_MS = 5_000
/** How often the pauses and other orders of operators are read; milliseconds. */
const PAUSES_MS = 2_000
/** Interval of the watchdog; milliseconds. */
const LOOK_MS = 1_000

/** What operators see and steer of this process: pauses, replays of ranges and of dead letters, health, status, metrics and the admin verbs. */
export interface Operating {
  readonly database: Pick<DatabaseProbe, 'onAnswered'>
  readonly pauses: Pick<PauseWatch, 'first'>
  readonly replays: Pick<ReplayRunner, 'stop' | 'quiet'>
  readonly reports: Pick<Reports, 'onFact' | 'stop' | 'logWork'>
  /**
   * Starts the HTTP server and the watchdog, before any dependency is there.
   *
   * @param quiet switches quiet mode, for the admin verbs.
   * @throws {OperatorError} the port is taken, or cannot be bound.
   */
  serve(quiet: (on: boolean) => void): Promise<HealthServer>
  /** Starts everything else that runs until the process stops: after the groups have started. */
  start(signal: AbortSignal): void
}

export function composeOperating(
  shared: Shared,
  of: Omit<Parameters<typeof composeReports>[0], 'database' | 'statements' | 'pauses' | 'config' | 'channels' | 'clock'> & {
    readonly tasks: Tasks
  },
): Operating {
  const { config, channels, intentStore, clock, observe } = shared
  const { groups, pools, metrics, log, tasks } = of
  const prompt = promptSql(pools.watch.sql, PROBE_DEADLINE_MS, clock)
  const database = createDatabaseProbe(
    {
      writable: () => requireWritable(prompt),
      rights: () => checkRights(prompt),
      recheck: () => Promise.all(groups.map(({ worker }) => worker.recheckProgress())),
    },
    observe,
  )
  const statements = watchStatements(pools, prompt, observe)
  const pauses = composePauses({ groups, sql: prompt, store: intentStore, clock, observe, onWaiting: (sentence) => log.warn(sentence) })
  const isPaused = (group: string) => isGroupPaused(pauses.current(), group)
  const takesNothing = (group: string) => of.process().quietSince !== null || isPaused(group)
  const replays = composeReplays(shared, groups, pools, isPaused, () => pauses.wantsReplay())
  const markQuiet = createQuietMark({
    mark: (quiet) => nameSession(pools.metrics.sql, quiet === null ? 'kafka-worker metrics' : quietSession(quiet)),
    since: () => of.process().quietSince,
    pid: process.pid,
    host: hostname(),
  })
  const reports = composeReports({ ...of, pauses, config, channels, database, statements, clock })

  return {
    database,
    pauses,
    replays,
    reports,
    async serve(quiet) {
      const { token, adminToken, adminAccess } = config.http
      const { sql } = pools.delivery
      const suppressions =
        token === undefined ? null : createSuppressionEndpoint({ token, unsubscribe: (request) => unsubscribe(sql, request) })
      const verbs = composeOperatorVerbs({ config, database: pools.delivery, admin: of.admin, log, clock })
      const server = await startHealthServer({
        ...config.http,
        live: () => reports.live(),
        ready: () => reports.ready(),
        status: () => reports.status(),
        lag: () => reports.lag(),
        metrics: () => metrics.render(),
        suppressions,
        admin: createAdminRoutes({
          token: adminToken,
          access: adminAccess,
          verbs: { ...quietVerbs(quiet), ...verbs },
          onFailed: (verb, error) => log.warn({ err: error, verb }, 'admin verb failed'),
        }),
      })
      tasks.schedule('watchdog', LOOK_MS, 0, async () => void [reports.live(), reports.ready()])
      return server
    },
    start(signal) {
      reports.start()
      tasks.schedule(DATABASE_PROBE, PROBE_MS, PROBE_DEADLINE_MS + pools.accept.longestStatementMs, () => database.probe())
      tasks.schedule('pauses', PAUSES_MS, 2 * PROBE_DEADLINE_MS + pools.delivery.longestStatementMs, () => pauses.poll())
      tasks.schedule('quiet mark', PAUSES_MS, pools.metrics.longestStatementMs, markQuiet)
      tasks.schedule('slow statements', LOOK_MS, PROBE_DEADLINE_MS, () => statements.check())
      replays.schedule(tasks)
      scheduleLetters(tasks, {
        groups,
        pools,
        isHeld: takesNothing,
        isWanted: (group) => pauses.wantsLetters(group),
        clock,
        observe,
        signal,
      })
    },
  }
}
