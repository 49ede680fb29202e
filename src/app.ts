import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '../config/load.ts'
import { bootChecks } from './boot.ts'
import { composeChannels } from './compose-channels.ts'
import { composeConsumers } from './compose-consumers.ts'
import { blockersOf, composeGroup } from './compose-group.ts'
import { watchDatabase } from './database-watch.ts'
import { eventTypes } from './events/catalogue.ts'
import { liveness, readiness, type HealthFacts } from './health.ts'
import { startHealthServer, type HealthServer } from './infra/http/health-server.ts'
import { createSuppressionEndpoint } from './infra/http/suppression-endpoint.ts'
import { createDeadLetterSink } from './infra/kafka/dead-letter-sink.ts'
import { createKafkaAdmin } from './infra/kafka/kafka-admin.ts'
import { createAcceptStore } from './infra/postgres/accept-store.ts'
import { openDatabase } from './infra/postgres/database.ts'
import { createIntentStore } from './infra/postgres/intent-store.ts'
import { createLeaderboard } from './infra/postgres/leaderboard.ts'
import { checkSchema } from './infra/postgres/schema-check.ts'
import { upkeep } from './infra/postgres/upkeep.ts'
import { unsubscribe } from './infra/postgres/unsubscribe.ts'
import { createLagMonitor, publishLag } from './infra/telemetry/lag.ts'
import { logFacts } from './infra/telemetry/log-observer.ts'
import type { Log } from './infra/telemetry/log.ts'
import { countFacts } from './infra/telemetry/metrics-observer.ts'
import { createMetrics } from './infra/telemetry/metrics.ts'
import { jitter } from './std/backoff.ts'
import { systemClock } from './std/clock.ts'
import { every } from './std/every.ts'
import { messageOf } from './std/failure.ts'
import type { Fact, Observe } from './worker/fact.ts'

/** How often the database is asked whether it is there, for readiness; and the lag is measured. Milliseconds. */
const PROBE_MS = 1_000
const LAG_MS = 5_000
/** A backlog is counted to here and no further. */
const BACKLOG_LIMIT = 100_000

/** The daemon, put together and not yet started. */
export interface App {
  /**
   * Listens for health checks, waits for what it needs, joins the groups; resolves when all have their partitions.
   *
   * @throws {OperatorError} one sentence with the way out.
   */
  start(signal: AbortSignal): Promise<void>
  /** Takes in no more, finishes what is in hand, commits, gives claims back, leaves the groups. Idempotent. */
  stop(): Promise<void>
  /** Time is up: cuts off what still runs. */
  abort(): void
  /** What a stop is waiting for, a line each. */
  blockers(): readonly string[]
  /** Resolves with the cause when a group's client cannot recover by itself. */
  readonly lost: Promise<Error>
}

/** Put together from every room; with compose-channels.ts and compose-group.ts the only place that sees them all. */
export function createApp(config: Config, log: Log, version: string): App {
  const clock = systemClock
  const stopping = new AbortController()
  const metrics = createMetrics({ version })
  const observers: readonly Observe[] = [logFacts(log), countFacts(metrics, { types: eventTypes })]
  const observe: Observe = (fact: Fact) => {
    for (const observer of observers) observer(fact)
  }

  const pools = {
    accept: pool('accept', config.accept.concurrency * config.kafka.groups.length, config.database.statementTimeoutMs),
    delivery: pool('delivery', config.database.poolSize, Math.max(config.database.statementTimeoutMs, config.leaderboard.deadlineMs)),
  }
  const { sql } = pools.delivery
  const intentStore = createIntentStore(pools.delivery)
  const leaderboard = createLeaderboard(pools.delivery)
  const kafka = {
    brokers: config.kafka.brokers,
    clientId: config.kafka.clientId,
    tls: config.kafka.tls,
    sasl: config.kafka.sasl,
    onLog: (line: { level: 'debug' | 'info' | 'warn' | 'error'; message: string; detail: object }) =>
      observe({ is: 'client-log', group: 'none', ...line }),
  }
  const admin = createKafkaAdmin(kafka)
  const deadLetters = createDeadLetterSink(kafka)
  const composed = composeChannels(config, leaderboard, clock, observe)

  const consumers = composeConsumers(config)
  const shared = {
    config,
    kafka,
    admin,
    deadLetters,
    intentStore,
    channels: composed.channels,
    clock,
    observe,
    acceptStore: createAcceptStore(pools.accept),
    owner: `${hostname()}:${process.pid}:${randomUUID()}`,
  }
  const groups = consumers.filter(({ name }) => config.kafka.groups.includes(name)).map((consumer) => composeGroup(consumer, shared))
  const groupIds = groups.map(({ id }) => id)

  const lag = createLagMonitor({
    admin,
    groups: groupIds,
    topic: config.kafka.topic,
    intervalMs: LAG_MS,
    onError: (error) => log.warn({ err: error }, 'lag not measured'),
  })
  publishLag(metrics, lag)
  metrics.onScrape(publishPools)
  metrics.onScrape(publishBacklog)

  let phase: 'booting' | 'running' | 'stopping' = 'booting'
  const database = watchDatabase(sql, observe, () => Promise.all(groups.map(({ worker }) => worker.recheckProgress())))
  const tasks: Promise<void>[] = []
  let server: HealthServer | null = null
  let stopped: Promise<void> | null = null

  async function start(signal: AbortSignal): Promise<void> {
    const health = { live: () => liveness(healthFacts()), ready: () => readiness(healthFacts()), metrics: () => metrics.render() }
    const { token } = config.http
    const suppressions = token === undefined ? null : createSuppressionEndpoint({ token, unsubscribe: (of) => unsubscribe(sql, of) })
    server = await startHealthServer({ ...config.http, ...health, suppressions })
    log.info({ url: server.url }, 'health and metrics')
    await bootChecks({ config, groupIds, admin, sql, checkSchema, clock, signal, waiting: (sentence) => log.warn(sentence) })
    if (signal.aborted) return
    database.answered()
    await deadLetters.connect()
    // A stop that came meanwhile has stopped the groups already: nothing may start behind it.
    if (signal.aborted) return
    for (const { workers } of groups) workers.start()
    await Promise.all(groups.map(({ worker }) => worker.start()))
    startTasks()
    if (phase === 'booting') phase = 'running'
  }

  function startTasks(): void {
    lag.start()
    keepDoing('database probe', PROBE_MS, () => database.look())
    keepDoing('lease check', config.delivery.leaseCheckMs, expireLeases)
    keepDoing('upkeep', () => jitter(config.delivery.upkeepIntervalMs), keepUp)
    for (const { id, recalculates } of groups) if (recalculates) keepDoing('leaderboard sweep', config.leaderboard.sweepMs, () => sweep(id))
    // A relay that is away is no reason not to start: positions and webhooks go on, and mails wait in the database.
    void composed.relay?.verify(stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) log.error(`Mails wait until this is mended: ${messageOf(error)}.`)
    })
  }

  function keepDoing(task: string, ms: number | (() => number), work: () => Promise<void>): void {
    const failed = (error: unknown) => log.debug({ err: error, task }, 'the next turn tries again')
    tasks.push(every(ms, work, { clock, signal: stopping.signal, failed }))
  }

  async function expireLeases(): Promise<void> {
    const expired = await intentStore.expireLeases({
      hold: config.mail.ambiguous === 'hold',
      ambiguousRetryMs: config.mail.ambiguousRetryMs,
    })
    if (expired.reclaimed + expired.ambiguous > 0) observe({ is: 'leases-expired', ...expired })
  }

  async function keepUp(): Promise<void> {
    try {
      const { dedupeDays } = config.accept
      const turnMs = config.delivery.upkeepIntervalMs / 2
      const report = await upkeep(pools.delivery, { dedupeDays, clock, turnMs }, stopping.signal)
      if (report !== null && report.deleted.size > 0) observe({ is: 'upkeep', ...report })
    } catch (error) {
      observe({ is: 'upkeep-failed', cause: messageOf(error) })
    }
  }

  async function sweep(group: string): Promise<void> {
    const campaigns = await leaderboard.sweep(group)
    if (campaigns > 0) observe({ is: 'swept', campaigns })
  }

  async function stop(): Promise<void> {
    phase = 'stopping'
    stopping.abort()
    lag.stop()
    // Accepting and executing end side by side: what is accepted last is left to whoever runs next.
    await Promise.all(groups.flatMap(({ worker, workers }) => [worker.stop(), workers.stop()]))
    await Promise.all(tasks)
    await Promise.allSettled([composed.close(), deadLetters.disconnect(), admin.disconnect()])
    await Promise.allSettled([pools.accept.end(), pools.delivery.end()])
    await server?.close()
    metrics.close()
  }

  function healthFacts(): HealthFacts {
    return { phase, databaseTrouble: database.trouble(), groups: new Map(groups.map(({ id, worker }) => [id, worker.status()])) }
  }

  function pool(name: string, max: number, statementTimeoutMs: number) {
    const { connection } = config.database
    return openDatabase({ connection, max, applicationName: `kafka-worker ${name}`, statementTimeoutMs, connectTimeoutMs: 5_000 })
  }

  function publishPools(): void {
    for (const [name, pool] of Object.entries(pools)) {
      for (const [state, count] of Object.entries(pool.stats())) metrics.databasePool.set({ pool: name, state }, count)
    }
  }

  async function publishBacklog(): Promise<void> {
    metrics.intentsPending.reset()
    metrics.oldestDue.reset()
    if (database.trouble() !== null) return
    for (const group of groupIds) {
      const [backlog, oldestMs] = await Promise.all([intentStore.backlog(group, BACKLOG_LIMIT), intentStore.oldestDueMs(group)])
      for (const { channel, state, count } of backlog) metrics.intentsPending.set({ group, channel, state }, count)
      metrics.oldestDue.set({ group }, (oldestMs ?? 0) / 1_000)
    }
  }

  return {
    start,
    stop: () => (stopped ??= stop()),
    abort() {
      for (const { workers } of groups) workers.abort()
    },
    blockers: () => groups.flatMap(blockersOf),
    lost: Promise.race(groups.map(({ worker }) => worker.lost)),
  }
}
