import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '../../config/load.ts'
import { idleMemory, ofThisProcess } from './idle-memory.ts'
import { preflight } from './preflight.ts'
import { startMaintenance } from './maintenance.ts'
import { composeChannels } from './compose/channel-clients.ts'
import { channelList, channelNames, channelsWithBreakers } from './compose/channels.ts'
import { composeConsumers } from './compose/consumers.ts'
import { blockersOf, composeGroup } from './compose/groups.ts'
import { eventTopics } from '../catalogue/event-topics.ts'
import { BreakerRecord } from '../delivery/breaker-history.ts'
import { Destinations } from '../delivery/destinations.ts'
import { eventTypes } from '../events/catalogue/catalogue.ts'
import { events } from '../events/catalogue/events.ts'
import type { HealthServer } from '../infra/http/health-server.ts'
import { createDeadLetterSink } from '../infra/kafka/producer/kafka-dead-letter-sink.ts'
import { createOutboxSender } from '../infra/kafka/producer/kafka-outbox-sender.ts'
import { createKafkaAdmin } from '../infra/kafka/admin/kafka-admin.ts'
import { createRegistryClient } from '../infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../infra/registry/registry-schemas.ts'
import { createAcceptStore } from '../infra/postgres/ingest/postgres-accept-store.ts'
import { createIntentStore } from '../infra/postgres/intents/postgres-intent-store.ts'
import { createLeaderboard } from '../leaderboard/postgres-leaderboard.ts'
import { checkOwnTables, checkSchema } from '../infra/postgres/schema/schema-check.ts'
import { retentionSteps } from '../infra/postgres/admin/retention-steps.ts'
import { requireWritable } from '../infra/postgres/client/writable.ts'
import { logFacts } from '../infra/telemetry/log-observer.ts'
import type { Log } from '../infra/telemetry/log.ts'
import { countFacts } from '../infra/telemetry/metrics-observer.ts'
import { createMetrics } from '../infra/telemetry/metrics.ts'
import type { Tracing } from '../infra/telemetry/otlp-tracing.ts'
import type { OwnTables } from '../model/projection.ts'
import { createOutboxRelay } from '../outbox/outbox-relay.ts'
import { tracedSender } from '../outbox/traced-sender.ts'
import { openOutboxSession } from '../outbox/postgres-outbox-session.ts'
import { composeOperating } from './compose/operating.ts'
import { openPools } from './compose/pools.ts'
import { systemClock } from '../std/clock.ts'
import { createTasks } from './periodic-tasks.ts'
import { messageOf, OperatorError } from '../std/failure.ts'
import type { Fact, Observe } from '../model/fact.ts'

/** How often an unavailable relay is probed, unless its breaker demands a longer pause; milliseconds. */
const RELAY_LOOK_MS = 5_000
/** Statements of one look at the outbox that may wait for the database one after the other. */
const OUTBOX_STATEMENTS = 4
/** How often an idle process may collect garbage, and the longest that it takes; milliseconds. */
const COLLECT_MS = 10_000
const COLLECTING_MS = 1_000

/** The composed daemon, not yet started. */
export interface App {
  /**
   * Starts the HTTP server, waits for its dependencies and joins the groups; resolves when all groups have their partitions.
   *
   * @throws {OperatorError} one sentence with the way out.
   */
  start(signal: AbortSignal): Promise<void>
  /** Stops fetching, finishes in-flight work, commits, releases claims and leaves the groups. Idempotent. */
  stop(): Promise<void>
  /** Aborts in-flight work at the end of the grace period. */
  abort(): void
  /** Switches quiet mode: no new work is taken; the groups keep their partitions, and in-flight work continues. */
  quiet(on: boolean): void
  /** Logs what every worker is doing. */
  report(): void
  /** What a shutdown is still waiting for, one line each. */
  blockers(): readonly string[]
  /** Resolves with the cause when the Kafka client of a group cannot recover. */
  readonly lost: Promise<Error>
}

/**
 * Composes the daemon from all rooms.
 *
 * @param also.observe observes every fact, after log and metrics.
 * @param also.onServing is called once the HTTP server listens, with its port.
 * @param also.tracing is closed with the app.
 */
export function createApp(
  config: Config,
  log: Log,
  version: string,
  also: {
    readonly observe?: Observe | undefined
    readonly onServing?: ((port: number) => void) | undefined
    readonly tracing?: Tracing | undefined
  } = {},
): App {
  const clock = systemClock
  const stopping = new AbortController()
  const metrics = createMetrics({ version })
  const allGroups = config.kafka.groups.map((name) => config.kafka.groupPrefix + name)
  const tables = retentionSteps.map(({ table }) => table)
  const observers: Observe[] = [
    logFacts(log),
    countFacts(metrics, { channels: channelsWithBreakers, types: eventTypes, groups: allGroups, tables }),
  ]
  const observe: Observe = (fact: Fact) => {
    for (const observer of observers) observer(fact)
  }

  const pools = openPools(config, (name, ms) => metrics.databasePoolWait.observe({ pool: name }, ms / 1_000))
  const { sql } = pools.delivery
  const intentStore = createIntentStore(pools.delivery, { channels: channelNames, poolSize: config.kafka.poolSize })
  const leaderboard = createLeaderboard(pools.delivery, { history: config.leaderboard.history })
  const kafka = {
    brokers: config.kafka.brokers,
    clientId: config.kafka.clientId,
    tls: config.kafka.tls,
    sasl: config.kafka.sasl,
    accessNow: config.kafka.accessNow,
    onLog: (line: { level: 'debug' | 'info' | 'warn' | 'error'; message: string; detail: object }) =>
      observe({ is: 'client-log', group: 'none', ...line }),
  }
  const admin = createKafkaAdmin(kafka)
  const deadLetters = createDeadLetterSink(kafka)
  const outboxSender = createOutboxSender(kafka)
  const { tracing } = also
  const tracer = tracing?.tracer
  const sender = tracer === undefined ? outboxSender : tracedSender(tracer, clock, outboxSender)
  const outbox = config.outbox.relay
    ? createOutboxRelay({ openSession: () => openOutboxSession(pools.outbox), sender, clock, observe })
    : null
  const composed = composeChannels(config, sql, leaderboard, clock, observe)

  const breakerRecord = new BreakerRecord(intentStore)
  observers.push((fact) => breakerRecord.observe(fact))
  const consumers = composeConsumers(config).filter(({ name }) => config.kafka.groups.includes(name))
  const { registry } = config.kafka
  const shared = {
    config,
    schemas: registry === null ? undefined : createRegistrySchemas(createRegistryClient(config.kafka.registryNow), clock),
    kafka,
    admin,
    deadLetters,
    intentStore,
    channels: composed.channels,
    destinations: new Destinations(observe, {
      channels: channelList,
      arrived: (channel, destination) => breakerRecord.arrived(channel, destination),
    }),
    clock,
    observe,
    tracer,
    acceptStore: createAcceptStore(pools.accept),
    checkTables: (tables: OwnTables) => checkOwnTables(pools.accept.sql, tables),
    owner: `${hostname()}:${process.pid}:${randomUUID()}`,
  }
  const groups = consumers.map((consumer) => composeGroup(consumer, shared))

  let phase: 'booting' | 'running' | 'stopping' = 'booting'
  let quietSince: number | null = null
  const tasks = createTasks({
    clock,
    signal: stopping.signal,
    onFailed: (task, error) => log.debug({ err: error, task }, 'periodic task failed, retrying'),
  })
  const { database, pauses, replays, reports, ...operating } = composeOperating(shared, {
    pools,
    groups,
    admin,
    outbox,
    metrics,
    log,
    tasks,
    process: () => ({ phase, quietSince, tasks: tasks.progress() }),
  })
  observers.push((fact) => reports.onFact(fact))
  if (tracing !== undefined) {
    observers.push(tracing.observe)
    tracing.reportTo(observe)
  }
  if (also.observe !== undefined) observers.push(also.observe)
  let server: HealthServer | null = null
  let stopped: Promise<void> | null = null
  const pendingSteps = new Set<string>()

  async function start(signal: AbortSignal): Promise<void> {
    server = await operating.serve(quiet)
    log.info({ url: server.url }, 'health and metrics')
    also.onServing?.(server.port)
    await preflight({
      config,
      groups,
      catalogue: eventTopics(events, config.kafka.topic),
      admin,
      sql,
      checkSchema,
      requireWritable,
      clock,
      signal,
      onWaiting: (sentence) => log.warn(sentence),
      onWarning: (sentence) => log.warn(sentence),
    })
    if (signal.aborted) return
    database.onAnswered()
    await pauses.first(signal)
    await deadLetters.connect()
    if (outbox !== null) {
      tasks.schedule('outbox relay', config.outbox.pollMs, OUTBOX_STATEMENTS * pools.outbox.longestStatementMs, () => outbox.turn())
    }
    // A stop may have stopped the groups meanwhile: nothing may start after that.
    if (signal.aborted) return
    for (const { workers } of groups) workers.start()
    const refusals = (await Promise.all(groups.map(({ worker }) => worker.start()))).filter((sentence) => sentence !== null)
    // Groups work while another waits for the operator; when none may start, the process has nothing to do.
    if (refusals.length === groups.length) throw new OperatorError([...new Set(refusals)].join('; '))
    startTasks()
    if (phase === 'booting') phase = 'running'
  }

  function startTasks(): void {
    const collectWhenIdle = idleMemory(ofThisProcess())
    operating.start(stopping.signal)
    tasks.schedule('idle memory', COLLECT_MS, COLLECTING_MS, async () => collectWhenIdle())
    startMaintenance(tasks, {
      config,
      pools,
      groups,
      breakerRecord,
      intentStore,
      leaderboard,
      clock,
      observe,
      signal: stopping.signal,
    })
    if (composed.relay !== null) {
      const { relay } = composed
      // Without mails to send, nothing else would notice that it is back.
      tasks.schedule('relay probe', RELAY_LOOK_MS, config.mail.connectDeadlineMs, async () => {
        if (relay.away() === null) return
        await relay.verify(AbortSignal.any([stopping.signal, AbortSignal.timeout(config.mail.connectDeadlineMs)]))
      })
    }
    // An unavailable relay does not prevent the start: positions and webhooks continue, and mail stays queued in the database.
    void composed.relay?.verify(stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) log.error(`Mail stays queued until this is fixed: ${messageOf(error)}.`)
    })
  }

  /** Awaits a step of the shutdown, which is listed as a blocker until it settles. */
  async function track(what: string, step: Promise<unknown>): Promise<void> {
    pendingSteps.add(what)
    try {
      await step
    } finally {
      pendingSteps.delete(what)
    }
  }

  async function stop(): Promise<void> {
    phase = 'stopping'
    stopping.abort()
    reports.stop()
    // Accepting and executing stop concurrently: intents accepted last are left to other processes.
    await Promise.all([
      ...groups.flatMap(({ id, worker, workers }) => [worker.stop(), track(workersOf(id), workers.stop())]),
      track('outbox events being published', Promise.resolve(outbox?.stop())),
      track('a replay being given back', replays.stop()),
    ])
    await track('maintenance tasks waiting for the database', tasks.stopped())
    await Promise.allSettled([
      track('connections to the relay and the endpoints', composed.close()),
      track('connections to Kafka', Promise.allSettled([deadLetters.disconnect(), outboxSender.disconnect(), admin.disconnect()])),
    ])
    await track('spans of traces', Promise.resolve(tracing?.close()))
    await track('connections to the database', Promise.allSettled(Object.values(pools).map((each) => each.end())))
    await track('the HTTP server', Promise.resolve(server?.close()))
    metrics.close()
  }

  function quiet(on: boolean): void {
    if ((quietSince !== null) === on || phase === 'stopping') return
    quietSince = on ? clock.now() : null
    for (const { source, workers } of groups) {
      source.quiet(on)
      workers.quiet(on)
    }
    outbox?.quiet(on)
    replays.quiet(on)
    log.info(on ? 'quiet: no new work is taken, partitions are kept, in-flight work continues' : 'quiet mode ended')
  }

  return {
    start,
    stop: () => (stopped ??= stop()),
    abort() {
      for (const { workers } of groups) workers.abort()
    },
    quiet,
    report: () => reports.logWork(),
    blockers() {
      // The workers of a running intent have not ended either: listing the intent is enough.
      const listed = new Set(groups.filter(({ workers }) => workers.running().length > 0).map(({ id }) => workersOf(id)))
      return [...groups.flatMap(blockersOf), ...[...pendingSteps].filter((step) => !listed.has(step))]
    },
    lost: Promise.race(groups.map(({ worker }) => worker.lost)),
  }
}

/** What the workers of a group still wait for when none of their intents runs. */
function workersOf(group: string): string {
  return `group ${group}: claims and outcomes waiting for the database`
}
