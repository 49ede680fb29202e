import PQueue from 'p-queue'
import type { Config } from '../../../config/load.ts'
import type { Channels } from '../../delivery/define-channel.ts'
import type { Destinations } from '../../delivery/destinations.ts'
import type { IntentStore } from '../../delivery/intent-store.ts'
import { createIntentWorkers, type IntentWorkers } from '../../delivery/worker-pool.ts'
import { createKindTable, type KindTable } from '../../delivery/kind-table.ts'
import { backlogPressure } from '../../delivery/backlog-pressure.ts'
import type { KafkaSettings } from '../../infra/kafka/client/kafka-client.ts'
import { createKafkaSource } from '../../infra/kafka/consumer/kafka-source.ts'
import type { Clock } from '../../std/clock.ts'
import type { Tracer } from '../../std/tracer.ts'
import type { AcceptStore } from '../../ingest/accept-store.ts'
import { isProjecting, kindsOf, type Consumer } from '../../model/consumer.ts'
import type { DeadLetterSink } from '../../ingest/dead-letter.ts'
import type { CrashLoopRule } from '../../ingest/crash-loop-breaker.ts'
import type { OwnTables } from '../../model/projection.ts'
import type { Observe } from '../../model/fact.ts'
import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { SchemaSource } from '../../ingest/schema-source.ts'
import type { ChunkReader } from '../../ingest/read-chunks.ts'
import type { ReplayingGroup } from '../../ingest/replay-letters.ts'
import { createGroupRunner } from '../../ingest/group-runner.ts'
import { watchSource, type WatchedSource } from '../../ingest/watched-source.ts'
import { createTypeFilter } from '../../ingest/type-filter.ts'
import { createGroupWorker, type GroupWorker, type WorkerSettings } from '../../ingest/group-worker.ts'
import { DAY_MS } from '../../std/day.ts'

/** The longest delay of commits and of progress rows of skipped records; milliseconds. */
const REPORT_MS = 250
/** How often idle workers poll for intents that became due or were written by another process; milliseconds. */
const POLL_MS = 500
/** How often a group compares its progress rows with the log, besides starts and joins; milliseconds. */
const CHECK_MS = 5_000
/** Crashes in a row after which a group's client is given up. */
const CRASH_LIMIT = 5

/** Shared by all groups of the process. */
export interface Shared {
  readonly config: Config
  readonly kafka: KafkaSettings
  readonly admin: LogAdmin
  readonly deadLetters: DeadLetterSink
  /** Absent where no schema registry is configured. */
  readonly schemas?: SchemaSource | undefined
  readonly acceptStore: AcceptStore
  /** Rejects with an OperatorError while the tables of a projecting group are not as it needs them. */
  readonly checkTables?: (tables: OwnTables) => Promise<void>
  readonly intentStore: IntentStore
  readonly channels: Channels
  readonly destinations: Destinations
  readonly clock: Clock
  readonly observe: Observe
  /** Absent where tracing is off. */
  readonly tracer?: Tracer | undefined
  /** Owner recorded in the claims of this process. */
  readonly owner: string
  /** When consumer code that fails alike pauses its group; the worker's own rule when not given. */
  readonly crashLoopRule?: CrashLoopRule
}

/** A running consumer group: `worker` accepts its events, `workers` execute its intents. */
export interface Group {
  /** The group id as Kafka knows it, with the prefix. */
  readonly id: string
  readonly topic: string
  readonly worker: GroupWorker
  readonly workers: IntentWorkers
  /** The record source of the group, for inspection and quiet mode. */
  readonly source: WatchedSource
  readonly kinds: KindTable
  /** How it reads records, for replays of its dead letters. */
  readonly replaying: ReplayingGroup
  readonly consumer: Consumer
  /** How its records are read; a replay reads them by the same limits and schemas. */
  readonly reader: Omit<ChunkReader, 'consumer' | 'filter'>
}

export function composeGroup(consumer: Consumer, shared: Shared): Group {
  const {
    config,
    kafka,
    admin,
    deadLetters,
    acceptStore,
    intentStore,
    channels,
    destinations,
    clock,
    observe,
    owner,
    checkTables,
    tracer,
  } = shared
  const id = config.kafka.groupPrefix + consumer.name
  const topic = consumer.topic ?? config.kafka.topic
  const poolSize = (isProjecting(consumer) ? undefined : consumer.poolSize) ?? config.kafka.poolSize
  const ambiguous = { hold: config.mail.ambiguous === 'hold', retryMs: config.mail.ambiguousRetryMs }
  const kinds = createKindTable(kindsOf(consumer))
  const executor = { store: intentStore, kinds, channels, destinations, clock, observe, tracer, ambiguous }
  const workers = createIntentWorkers({ group: id, poolSize, owner, pollMs: POLL_MS, executor })
  const openSource = () =>
    createKafkaSource({
      settings: { ...kafka, clientId: `${kafka.clientId}-${consumer.name}` },
      groupId: id,
      topic,
      sessionTimeoutMs: config.kafka.sessionTimeoutMs,
      heartbeatIntervalMs: config.kafka.heartbeatIntervalMs,
      maxEventBytes: config.accept.eventMaxBytes,
      crashLimit: CRASH_LIMIT,
    })
  const source = watchSource(openSource, () => clock.now())
  const accepting = new PQueue({ concurrency: config.accept.concurrency })
  const reader = {
    maxEventBytes: config.accept.eventMaxBytes,
    chunkEvents: config.accept.chunkEvents,
    chunkBytes: config.accept.chunkBytes,
    schemas: shared.schemas,
    dedupeHorizon: () => clock.now() - config.accept.dedupeDays * DAY_MS,
  }
  const settings: WorkerSettings = {
    reader: { ...reader, consumer, filter: createTypeFilter(consumer.types) },
    acceptor: {
      group: id,
      topic,
      store: acceptStore,
      deadLetters,
      clock,
      observe(fact) {
        source.onFact(fact)
        observe(fact)
      },
      tracer,
      limit: (work) => accepting.add(work),
      reserve: () => workers.reserve(),
      ...(isProjecting(consumer) ? { project: consumer.project } : {}),
    },
    source,
    admin,
    pressure: backlogPressure(intentStore, { group: id, poolSize, channels: kinds.channels.map((name) => channels[name]) }),
    startFrom: config.kafka.startFrom ?? null,
    ...(isProjecting(consumer) && checkTables !== undefined ? { checkTables: () => checkTables(consumer.tables) } : {}),
    reportEveryMs: REPORT_MS,
    ...(shared.crashLoopRule === undefined ? {} : { crashLoopRule: shared.crashLoopRule }),
  }
  const worker = createGroupRunner({
    group: id,
    createRun(known) {
      source.reopen()
      return createGroupWorker({ ...settings, seenPartitions: known })
    },
    clock,
    observe,
    checkMs: CHECK_MS,
  })
  return {
    id,
    topic,
    worker,
    workers,
    source,
    kinds,
    consumer,
    reader,
    replaying: { reader: settings.reader, project: isProjecting(consumer) ? consumer.project : undefined },
  }
}

/** What a shutdown of the group is still waiting for, one line each. */
export function blockersOf({ id, worker, workers }: Group): readonly string[] {
  const { state } = worker.status()
  const joined = state === 'stopped' || state === 'refused' || state === 'lost' ? [] : [`group ${id} has not left yet (${state})`]
  const running = workers.running().map(({ channel, intentId, kind, since }) => {
    return `group ${id}: ${channel} intent ${intentId} (${kind}) running since ${new Date(since).toISOString()}`
  })
  return [...joined, ...running]
}
