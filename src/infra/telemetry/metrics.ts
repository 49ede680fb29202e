import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** Of one delivery or one accept: from a millisecond to the longest deadline. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
/** From the event to its effect: retries may take a day. */
const AGES = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36_000, 86_400]

/** Sampling interval of the event loop delay, here and in prom-client: each sample wakes the process, at 10 ms for 0.3 % of a core. Milliseconds. */
const LOOP_INTERVAL_MS = 50

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Every metric of the worker, in a registry of its own. Labels are bounded (group, type, partition, outcome, reason): never an id
 * or an address. Base units, as Prometheus recommends: https://prometheus.io/docs/practices/naming/
 */
export function createMetrics(build: { readonly version: string }) {
  const registry = new Registry()
  const hooks: (() => void | Promise<void>)[] = []
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `kafka_worker_${name}`, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name: `kafka_worker_${name}`, help, labelNames, registers })
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[], buckets: number[]) =>
    new Histogram({ name: `kafka_worker_${name}`, help, labelNames, buckets, registers })

  const own = {
    // The three names that dashboards for consumer lag expect, without our prefix.
    lag: new Gauge({
      name: 'kafka_consumergroup_lag',
      help: 'Records of the partition that the group has not committed yet.',
      labelNames: ['consumergroup', 'topic', 'partition'],
      registers,
    }),
    lagSeconds: new Gauge({
      name: 'kafka_consumergroup_group_lag_seconds',
      help: 'Age of the oldest record that the group has not committed, over all partitions.',
      labelNames: ['consumergroup'],
      registers,
    }),
    partitionLagSeconds: new Gauge({
      name: 'kafka_consumergroup_lag_seconds',
      help: 'Age of the oldest record of the partition that the group has not committed.',
      labelNames: ['consumergroup', 'topic', 'partition'],
      registers,
    }),
    scalableBacklog: gauge('scalable_backlog', 'Records and intents of the group that more processes would do sooner, for autoscalers.', [
      'group',
    ]),
    messages: counter('messages_total', 'Records handled, by outcome of the accept.', ['group', 'type', 'outcome']),
    partitionRecords: counter('partition_records_total', 'Records handled, by partition: their skew.', ['group', 'partition']),
    assignedPartitions: gauge('assigned_partitions', 'Partitions of the group that this process reads.', ['group']),
    acceptDuration: histogram('accept_duration_seconds', 'Time to accept one chunk of records.', ['group'], DURATIONS),
    processingDuration: histogram(
      'processing_duration_seconds',
      'Time to accept a chunk that held events of the type, once per chunk and type.',
      ['group', 'type'],
      DURATIONS,
    ),
    acceptRetries: counter('accept_retries_total', 'Failed attempts to accept a chunk or to begin reading; each is repeated.', ['group']),
    committedOffset: gauge('committed_offset', 'Offset last committed to Kafka by this process.', ['group', 'partition']),
    commitFailures: counter('commit_failures_total', 'Commits that Kafka refused; the next commit repeats them.', ['group']),
    rebalances: counter('rebalances_total', 'Times that this process joined the group.', ['group']),
    consumerCrashes: counter('consumer_crashes_total', 'Times that a group had to be rebuilt after a crash of its client.', ['group']),
    handlerEscapes: counter('handler_escapes_total', 'Batches whose handler threw, which is a bug in this program.', ['group']),
    rowMoves: counter('row_moves_total', 'Times that a progress row held another offset than this process had written.', [
      'group',
      'meaning',
    ]),
    recovered: counter('recovered_total', 'Events accepted again because the database had lost them.', ['group']),
    deadLetters: counter('dead_letters_total', 'Records put on the dead-letter topic.', ['group', 'reason']),
    deadLettersOpen: gauge('dead_letters_open', 'Dead letters that wait for a decision of an operator, counted up to 100,000.', ['group']),
    paused: gauge('paused', '1 while the group does not fetch, by reason.', ['group', 'reason']),
    pauses: gauge('pauses', 'Pauses that operators have set and that are not over, by scope; the same in every process.', ['scope']),
    quietSince: gauge('quiet_since_timestamp_seconds', 'Since when the process takes no new work because of SIGTSTP; 0 while it does.', []),
    dependencyUp: gauge('dependency_up', '1 while the dependency answers, 0 while it does not.', ['dependency']),
    breakersOpen: gauge('breakers_open', 'Destinations of the channel to which this process delivers nothing but probes.', ['channel']),
    breakerChanges: counter('breaker_changes_total', 'Changes of state of the breakers of destinations.', ['channel', 'state']),
    deliveries: counter('deliveries_total', 'Attempts, and executions of intents without one, by outcome.', [
      'group',
      'channel',
      'kind',
      'outcome',
    ]),
    deliveryDuration: histogram('delivery_duration_seconds', 'Time from claim to outcome.', ['group', 'channel', 'kind'], DURATIONS),
    stageDuration: histogram('stage_duration_seconds', 'Time in one stage of a delivery.', ['channel', 'stage'], DURATIONS),
    endToEnd: histogram('end_to_end_seconds', 'Time from the event to its effect.', ['group', 'kind'], AGES),
    skips: counter('delivery_skips_total', 'Skipped deliveries, by reason: see docs/reference/states.md.', ['group', 'kind', 'reason']),
    notes: counter(
      'delivery_notes_total',
      'Deliveries that were made under special circumstances, such as a reward that was revoked meanwhile.',
      ['group', 'kind', 'note'],
    ),
    retries: counter('retries_total', 'Failed attempts that will be retried.', ['group', 'channel', 'kind']),
    inFlight: gauge('in_flight', 'Deliveries in flight.', ['group', 'channel']),
    claimsLost: counter('claims_lost_total', 'Claims that another worker took over before they ended.', ['group', 'channel']),
    executionFailures: counter('execution_failures_total', 'Intents given back because executing them threw.', ['group', 'channel']),
    leasesExpired: counter('leases_expired_total', 'Claims whose lease expired without an outcome, by what became of them.', ['end']),
    intentsPending: gauge('intents_pending', 'Unfinished intents, by what they wait for.', ['group', 'channel', 'state']),
    oldestDue: gauge('intents_oldest_due_age_seconds', 'How long the oldest due live intent has been due.', ['group', 'channel']),
    countAge: gauge('intents_count_age_seconds', 'Age of the figures of intents_pending and intents_oldest_due_age_seconds.', []),
    recalculations: counter('recalculations_total', 'Leaderboard recalculations: windowed, or the reason for ranking the whole campaign.', [
      'mode',
    ]),
    recalculationRows: counter('recalculation_rows_changed_total', 'Rows that recalculations changed.', []),
    recalculationDuration: histogram('recalculation_duration_seconds', 'Time of one recalculation.', [], DURATIONS),
    sweptCampaigns: counter('swept_campaigns_total', 'Campaigns that the sweep found changed without an event.', []),
    retentionRows: counter('retention_rows_deleted_total', 'Rows deleted by retention, or cleared of a body that is never sent again.', [
      'table',
    ]),
    retentionDuration: histogram('retention_duration_seconds', 'Time of one retention run that deleted anything.', [], DURATIONS),
    retentionFailures: counter('retention_failures_total', 'Retention runs that failed; the next one retries.', []),
    unknownVariables: counter('template_unknown_variables_total', 'Variables in mail templates that do not exist.', []),
    outboxPublished: counter('outbox_published_total', 'Events of the outbox that this process sent to Kafka and marked as published.', []),
    outboxRepeats: counter(
      'outbox_repeats_total',
      'Published events of the outbox that this process had sent before without a known outcome.',
      [],
    ),
    outboxFailures: counter(
      'outbox_failures_total',
      'Events of the outbox that Kafka or the catalogue refused; they wait for an operator.',
      ['reason'],
    ),
    outboxShards: gauge('outbox_shards', 'Shards of the outbox that this process publishes.', []),
    outboxPending: gauge('outbox_pending', 'Events of the outbox that are not published, by what they wait for.', ['state']),
    outboxOldest: gauge('outbox_oldest_age_seconds', 'Age of the oldest event of the outbox that is to be published.', []),
    spansDropped: counter('trace_spans_dropped_total', 'Spans that are in no trace, by why the collector did not get them.', ['reason']),
    databasePool: gauge('database_pool', 'Connections of a pool by state, and callers that wait for one.', ['pool', 'state']),
    databasePoolWait: histogram('database_pool_wait_seconds', 'Time that callers waited for a connection of a pool.', ['pool'], DURATIONS),
    live: gauge('live', '1 while /livez says yes.', []),
    ready: gauge('ready', '1 while /readyz says yes.', []),
    eventLoopDelay: gauge('event_loop_delay_seconds', 'Delay of the event loop since the last scrape, within 50 ms.', ['percentile']),
    buildInfo: gauge('build_info', 'Always 1.', ['version', 'node']),
  }
  const ownNames = registry.getMetricsAsArray().map(({ name }) => name)
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_INTERVAL_MS })
  // Gauges named like counters; without `_total` they exist by type, and these are their sums.
  for (const name of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${name}_total`)
  own.buildInfo.set({ version: build.version, node: process.versions.node }, 1)

  const delay = monitorEventLoopDelay({ resolution: LOOP_INTERVAL_MS })
  delay.enable()
  hooks.push(() => {
    for (const percentile of [50, 99, 100]) {
      // The recorded value is the time between two timer ticks, including its interval.
      const late = delay.percentile(percentile) / 1e9 - LOOP_INTERVAL_MS / 1_000
      own.eventLoopDelay.set({ percentile: String(percentile) }, Math.max(0, late))
    }
    delay.reset()
  })

  return {
    ...own,
    /** Names of the worker's own metrics, without those of the process. */
    names: ownNames as readonly string[],
    /** Calls `hook` before each scrape, to set gauges. An error fails the scrape. */
    onScrape(hook: () => void | Promise<void>): void {
      hooks.push(hook)
    },
    /** The exposition text. */
    async render(): Promise<string> {
      await Promise.all(hooks.map(async (hook) => hook()))
      return registry.metrics()
    },
    /** The worker's own metrics for the documentation. */
    async describe(): Promise<readonly MetricDescription[]> {
      const all = await registry.getMetricsAsJSON()
      return all.filter(({ name }) => ownNames.includes(name)).map(({ name, help, type }) => ({ name, help, type: String(type) }))
    },
    /** Stops measuring the event loop. */
    close(): void {
      delay.disable()
    },
  }
}

export interface MetricDescription {
  readonly name: string
  readonly type: string
  readonly help: string
}
