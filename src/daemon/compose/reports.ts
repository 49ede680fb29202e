import type { Config } from '../../../config/load.ts'
import { createLagMonitor } from '../../admin/lag/lag-monitor.ts'
import type { GroupReader } from '../../admin/lag/lag-ports.ts'
import type { Channels } from '../../delivery/define-channel.ts'
import { endpointOrigins } from '../../infra/postgres/intents/postgres-breaker-store.ts'
import { createIntentStore } from '../../infra/postgres/intents/postgres-intent-store.ts'
import { createInsideReader } from '../../infra/postgres/admin/postgres-inside-reader.ts'
import type { Log } from '../../infra/telemetry/log.ts'
import type { Metrics } from '../../infra/telemetry/metrics.ts'
import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { Fact } from '../../model/fact.ts'
import { pauseScopes } from '../../model/pause.ts'
import type { Clock } from '../../std/clock.ts'
import { createStallDetector } from '../../std/stall-detector.ts'
import type { OutboxRelay } from '../../outbox/outbox-relay.ts'
import { countOutbox } from '../../outbox/postgres-outbox-counts.ts'
import { publishDatabase } from '../database-metrics.ts'
import type { DatabaseProbe } from '../database-probe.ts'
import { createDependencies } from '../dependencies.ts'
import { createLagViewer, publishLag, type LagView } from '../lag-view.ts'
import { createHealth, type Health, type HealthFacts } from '../health.ts'
import type { SlowStatements } from '../slow-statements.ts'
import type { PauseWatch } from '../pause-watch.ts'
import { createStatus, type Status } from '../status.ts'
import { watchedTasks, type TaskProgress } from '../watchdog.ts'
import { workReport } from '../work-report.ts'
import { pauseNotes } from './apply-pauses.ts'
import { channelList, channelNames, channelWords } from './channels.ts'
import type { Group } from './groups.ts'
import type { Pools } from './pools.ts'

/** Interval of the lag measurement; milliseconds. */
const LAG_MS = 5_000
/** The longest that an observation waits for an answer of Kafka or the database; milliseconds. */
const OBSERVE_MS = 2_000

/** What the process says about itself: health, status, metrics that are read at a scrape, and the work report. */
export interface Reports extends Health {
  status(): Promise<Status>
  lag(): Promise<LagView>
  /** Observes every fact: open breakers and paused groups are known from facts. */
  onFact(fact: Fact): void
  /** Starts the lag measurement, which continues until `stop`. */
  start(): void
  stop(): void
  /** Logs what every worker and every slow statement is doing. */
  logWork(): void
}

export function composeReports(of: {
  readonly config: Config
  readonly pools: Pools
  readonly channels: Channels
  readonly groups: readonly Group[]
  readonly admin: LogAdmin & GroupReader
  readonly outbox: OutboxRelay | null
  readonly pauses: Pick<PauseWatch, 'current'>
  readonly database: Pick<DatabaseProbe, 'outage' | 'fault'>
  readonly statements: Pick<SlowStatements, 'list'>
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
  /** `quietSince`: milliseconds since 1970; null while it takes work. */
  process(): Pick<HealthFacts, 'phase'> & { readonly quietSince: number | null; readonly tasks: readonly TaskProgress[] }
}): Reports {
  const { config, pools, channels, groups, admin, database, statements, metrics, log, clock } = of
  const groupIds = groups.map(({ id }) => id)
  const store = createIntentStore(pools.metrics, { channels: channelNames })
  const watch = createStallDetector({ clock, graceMs: config.process.livenessStallMs })
  const dependencies = createDependencies({ definitions: channelList, channels, clock })
  const lag = createLagMonitor({
    admin,
    groups,
    intervalMs: LAG_MS,
    onError: (error) => log.warn({ err: error }, 'lag not measured'),
  })
  const health = createHealth({ facts, now: () => clock.now() })
  const status = createStatus({
    groups,
    health,
    lag,
    admin,
    statements,
    store,
    dependencies,
    brokers: config.kafka.brokers,
    outbox: of.outbox,
    pauses: of.pauses,
    quietSince: () => of.process().quietSince,
    countOutbox: (limit) => countOutbox(pools.metrics.sql, limit),
    originsOf: (endpoints) => endpointOrigins(pools.metrics.sql, endpoints),
    clock,
  })

  const viewer = createLagViewer({
    groups,
    sources: {
      monitor: lag,
      kafka: admin,
      inside: {
        inside: createInsideReader(pools.metrics.sql, channelNames).inside,
        // Over connections that no locked table holds up.
        blocked: createInsideReader(pools.watch.sql, channelNames).blocked,
      },
      pauses: { active: () => Promise.resolve(of.pauses.current()) },
      clock,
      deadlineMs: OBSERVE_MS,
    },
    channels: channelWords,
    clock,
    metrics,
    viewOf: (id) => {
      const group = groups.find((one) => one.id === id)
      return group === undefined ? { stopped: null, paused: [], waiting: null, blocked: null } : status.viewOf(group)
    },
  })
  publishLag(metrics, lag)
  metrics.onScrape(() => {
    metrics.live.set(health.live().ok ? 1 : 0)
    metrics.ready.set(health.ready().ok ? 1 : 0)
    metrics.quietSince.set((of.process().quietSince ?? 0) / 1_000)
    for (const scope of pauseScopes) metrics.pauses.set({ scope }, of.pauses.current().filter((pause) => pause.scope === scope).length)
  })
  publishDatabase(metrics, { pools, store, groups: groupIds, clock, isThere: () => database.outage() === null })

  function facts(): HealthFacts {
    const { phase, quietSince, tasks } = of.process()
    const databaseOutage = database.outage()
    return {
      phase,
      quiet: quietSince !== null,
      databaseOutage,
      databaseFault: database.fault(),
      groups: new Map(groups.map(({ id, worker }) => [id, worker.status()])),
      notes: { ...dependencies.notes(), ...pauseNotes(of.pauses.current()) },
      stalls: watch.check(watchedTasks({ config, channels, pools, groups, tasks, databaseOutage })),
    }
  }

  return {
    ...health,
    status: () => status.status(),
    lag: () => viewer.view(),
    onFact(fact) {
      dependencies.onFact(fact)
      status.onFact(fact)
    },
    start: () => lag.start(),
    stop: () => lag.stop(),
    logWork() {
      const { phase, quietSince } = of.process()
      log.warn({ phase, quiet: quietSince !== null, database: database.outage() ?? database.fault() ?? 'answers' }, 'work report')
      for (const { message, fields } of workReport(groups)) log.warn(fields, message)
      void statements.list().then((slow) => {
        for (const statement of slow) log.warn(statement, 'statement in flight')
      })
    },
  }
}
