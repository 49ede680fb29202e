import { syncBuiltinESMExports } from 'node:module'
import perfHooks from 'node:perf_hooks'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { countFacts } from '../../../../src/infra/telemetry/metrics-observer.ts'
import { createMetrics } from '../../../../src/infra/telemetry/metrics.ts'
import type { Metrics } from '../../../../src/infra/telemetry/metrics.ts'
import type { Fact } from '../../../../src/model/fact.ts'

const open: Metrics[] = []
afterEach(() => {
  for (const metrics of open.splice(0)) metrics.close()
})

function setUp() {
  const metrics = createMetrics({ version: '1.2.3' })
  open.push(metrics)
  const observe = countFacts(metrics, { channels: ['email', 'webhook'], types: ['user.signed_up'], groups: [group], tables: ['outcomes'] })
  const line = async (start: string) => {
    const text = await metrics.render()
    return text.split('\n').filter((line) => line.startsWith(start))
  }
  return { metrics, observe, line }
}

const group = 'email-workers'
const started: Extract<Fact, { is: 'started' }> = { is: 'started', group, channel: 'email', kind: 'welcome', intentId: '7', attempt: 1 }
const settled: Extract<Fact, { is: 'settled' }> = {
  ...started,
  is: 'settled',
  eventId: null,
  correlationId: null,
  outcome: 'sent',
  reason: null,
  detail: null,
  durationMs: 20,
  stages: new Map([['prepare', 4]]),
  endToEndMs: 2000,
}

/** Of what is a metric. */
function labelsOf(member: unknown): readonly string[] {
  if (typeof member !== 'object' || member === null || !('labelNames' in member) || !Array.isArray(member.labelNames)) return []
  return member.labelNames.map(String)
}

describe('the metrics', () => {
  it('have unique, conventional names, each with a sentence of help', async () => {
    const { metrics } = setUp()
    const all = await metrics.describe()
    expect(all.map(({ name }) => name)).toEqual(metrics.names)
    expect(new Set(metrics.names).size).toBe(metrics.names.length)
    for (const { name, type, help } of all) {
      expect(name).toMatch(/^kafka_(worker_|consumergroup_)[a-z_]+$/)
      expect(help).toMatch(/^[A-Z1].*\.$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
    }
    expect(metrics.names).toContain('kafka_consumergroup_lag')
    expect(metrics.names).toContain('kafka_consumergroup_group_lag_seconds')
  })

  it('are all that an operator of a consumer looks for', () => {
    const { metrics } = setUp()
    const wanted = {
      lag: ['kafka_consumergroup_lag', 'kafka_consumergroup_group_lag_seconds'],
      messagesByGroupTypeAndOutcome: ['kafka_worker_messages_total', 'kafka_worker_accept_retries_total'],
      processingDuration: [
        'kafka_worker_processing_duration_seconds',
        'kafka_worker_accept_duration_seconds',
        'kafka_worker_delivery_duration_seconds',
      ],
      endToEnd: ['kafka_worker_end_to_end_seconds'],
      inFlight: ['kafka_worker_in_flight'],
      pendingIntents: ['kafka_worker_intents_pending', 'kafka_worker_intents_oldest_due_age_seconds'],
      retries: ['kafka_worker_retries_total'],
      deadLettersByReason: ['kafka_worker_dead_letters_total'],
      rebalances: ['kafka_worker_rebalances_total'],
      pausedByReason: ['kafka_worker_paused'],
      breakerState: ['kafka_worker_breakers_open', 'kafka_worker_breaker_changes_total'],
      committedOffset: ['kafka_worker_committed_offset'],
      skewOfPartitions: ['kafka_worker_partition_records_total', 'kafka_worker_assigned_partitions'],
      buildInfo: ['kafka_worker_build_info'],
    }
    expect(
      Object.values(wanted)
        .flat()
        .filter((name) => !metrics.names.includes(name)),
    ).toEqual([])
    expect(labelsOf(metrics.messages)).toEqual(['group', 'type', 'outcome'])
    expect(labelsOf(metrics.processingDuration)).toEqual(['group', 'type'])
    expect(labelsOf(metrics.deadLetters)).toEqual(['group', 'reason'])
    expect(labelsOf(metrics.paused)).toEqual(['group', 'reason'])
    // The only labels that there are: none can hold an id, an address or a campaign.
    const labels = new Set(Object.values(metrics).flatMap(labelsOf))
    const bounded =
      'channel consumergroup dependency end group kind meaning mode node note outcome partition percentile pool reason scope stage'
    expect([...labels].toSorted()).toEqual([...bounded.split(' '), 'state', 'table', 'topic', 'type', 'version'].toSorted())
  })

  it('follow Prometheus naming, those of the process too: counters end in _total, and nothing else does', async () => {
    const { line } = setUp()
    const types = (await line('# TYPE ')).map((text) => text.split(' ').slice(2))
    expect(types.length).toBeGreaterThan(50)
    expect(types.filter(([name, type]) => name?.endsWith('_total') !== (type === 'counter'))).toEqual([])
  })

  it('include those of the process, the build and the event loop', async () => {
    const { line } = setUp()
    expect(await line('process_cpu_seconds_total')).toHaveLength(1)
    expect(await line('kafka_worker_build_info')).toEqual([`kafka_worker_build_info{version="1.2.3",node="${process.versions.node}"} 1`])
    expect(await line('kafka_worker_event_loop_delay_seconds{')).toHaveLength(3)
  })

  it('wake an idle process for no sample of the event loop more often than every 50 ms', () => {
    const monitors = vi.spyOn(perfHooks, 'monitorEventLoopDelay')
    syncBuiltinESMExports()
    setUp()
    const intervals = monitors.mock.calls.map(([options]) => options?.resolution)
    monitors.mockRestore()
    syncBuiltinESMExports()
    // Ours and prom-client's.
    expect(intervals).toEqual([50, 50])
  })

  it('run their hooks at each scrape', async () => {
    const { metrics, line } = setUp()
    let waiting = 1
    metrics.onScrape(() => metrics.databasePool.set({ pool: 'delivery', state: 'waiting' }, waiting++))
    expect(await line('kafka_worker_database_pool{')).toEqual(['kafka_worker_database_pool{pool="delivery",state="waiting"} 1'])
    expect(await line('kafka_worker_database_pool{')).toEqual(['kafka_worker_database_pool{pool="delivery",state="waiting"} 2'])
  })

  it('do not share a registry', () => {
    expect(() => [setUp(), setUp()]).not.toThrow()
  })
})

describe('counting facts', () => {
  it('counts a chunk by type and outcome, unknown types as other', async () => {
    const { observe, line } = setUp()
    const counts = new Map([
      ['user.signed_up', { ok: 400, noEffect: 0, duplicate: 3, skipped: 0, dead: 1 }],
      ['made.up.1', { ok: 0, noEffect: 0, duplicate: 0, skipped: 50, dead: 0 }],
      ['made.up.2', { ok: 0, noEffect: 0, duplicate: 0, skipped: 5, dead: 0 }],
    ])
    const fact: Fact = { is: 'accepted', group, partition: 0, next: 500n, counts, intents: 400, durationMs: 30 }
    observe(fact)
    observe(fact)
    expect(await line('kafka_worker_messages_total{')).toEqual([
      `kafka_worker_messages_total{group="${group}",type="user.signed_up",outcome="ok"} 800`,
      `kafka_worker_messages_total{group="${group}",type="user.signed_up",outcome="duplicate"} 6`,
      `kafka_worker_messages_total{group="${group}",type="user.signed_up",outcome="dead"} 2`,
      `kafka_worker_messages_total{group="${group}",type="other",outcome="skipped"} 110`,
    ])
    expect(await line('kafka_worker_accept_duration_seconds_count')).toEqual([
      `kafka_worker_accept_duration_seconds_count{group="${group}"} 2`,
    ])
    expect(await line('kafka_worker_accept_duration_seconds_sum')).toEqual([
      `kafka_worker_accept_duration_seconds_sum{group="${group}"} 0.06`,
    ])
  })

  it('takes the time of a chunk once per type that was handled in it, and counts its records by partition', async () => {
    const { observe, line } = setUp()
    const counts = new Map([
      ['user.signed_up', { ok: 400, noEffect: 0, duplicate: 3, skipped: 0, dead: 1 }],
      ['made.up.1', { ok: 0, noEffect: 0, duplicate: 0, skipped: 50, dead: 0 }],
    ])
    const fact: Fact = { is: 'accepted', group, partition: 0, next: 500n, counts, intents: 400, durationMs: 30 }
    observe(fact)
    observe({ ...fact, partition: 1 })
    expect(await line('kafka_worker_processing_duration_seconds_sum')).toEqual([
      `kafka_worker_processing_duration_seconds_sum{group="${group}",type="user.signed_up"} 0.06`,
    ])
    expect(await line('kafka_worker_partition_records_total{')).toEqual([
      `kafka_worker_partition_records_total{group="${group}",partition="0"} 454`,
      `kafka_worker_partition_records_total{group="${group}",partition="1"} 454`,
    ])
  })

  it('shows the partitions that the process reads, from the first scrape', async () => {
    const { observe, line } = setUp()
    const assigned = (count: number) => [`kafka_worker_assigned_partitions{group="${group}"} ${count}`]
    expect(await line('kafka_worker_assigned_partitions{')).toEqual(assigned(0))
    observe({ is: 'group-joined', group, topic: 't', partitions: [0, 3, 5], epoch: 1 })
    expect(await line('kafka_worker_assigned_partitions{')).toEqual(assigned(3))
    observe({ is: 'assignment-ended', group, epoch: 1, reason: 'rebalance' })
    expect(await line('kafka_worker_assigned_partitions{')).toEqual(assigned(0))
  })

  it('counts deliveries, retries, their time, and those in flight', async () => {
    const { observe, line } = setUp()
    observe(started)
    observe({ ...started, intentId: '8' })
    observe({ ...started, intentId: '9' })
    expect(await line('kafka_worker_in_flight{')).toEqual([`kafka_worker_in_flight{group="${group}",channel="email"} 3`])
    observe(settled)
    observe({ ...settled, intentId: '8', outcome: 'retry', endToEndMs: null })
    observe({ is: 'claim-lost', group, channel: 'email', kind: 'welcome', intentId: '9' })
    // Skipped by prepare: it never started, so nothing ends.
    observe({ ...settled, intentId: '10', outcome: 'skipped', endToEndMs: null })
    const labels = `group="${group}",channel="email",kind="welcome"`
    expect(await line('kafka_worker_in_flight{')).toEqual([`kafka_worker_in_flight{group="${group}",channel="email"} 0`])
    expect(await line('kafka_worker_deliveries_total{')).toEqual([
      `kafka_worker_deliveries_total{${labels},outcome="sent"} 1`,
      `kafka_worker_deliveries_total{${labels},outcome="retry"} 1`,
      `kafka_worker_deliveries_total{${labels},outcome="skipped"} 1`,
    ])
    expect(await line('kafka_worker_retries_total{')).toEqual([`kafka_worker_retries_total{${labels}} 1`])
    expect(await line('kafka_worker_end_to_end_seconds_sum')).toEqual([
      `kafka_worker_end_to_end_seconds_sum{group="${group}",kind="welcome"} 2`,
    ])
    expect(await line('kafka_worker_claims_lost_total{')).toHaveLength(1)
    expect(await line('kafka_worker_delivery_duration_seconds_count')).toEqual([
      `kafka_worker_delivery_duration_seconds_count{${labels}} 2`,
    ])
  })

  it('counts the notes of deliveries, and no reasons of other outcomes', async () => {
    const { observe, line } = setUp()
    observe({ ...settled, kind: 'reward', outcome: 'delivered', reason: 'reward-revoked-meanwhile' })
    observe({ ...settled, intentId: '8', outcome: 'skipped', reason: 'reward-revoked' })
    observe({ ...settled, intentId: '9' })
    expect(await line('kafka_worker_delivery_notes_total{')).toEqual([
      `kafka_worker_delivery_notes_total{group="${group}",kind="reward",note="reward-revoked-meanwhile"} 1`,
    ])
    expect(await line('kafka_worker_delivery_skips_total{')).toEqual([
      `kafka_worker_delivery_skips_total{group="${group}",kind="welcome",reason="reward-revoked"} 1`,
    ])
  })

  it('shows a pause with its reason while it lasts', async () => {
    const { observe, line } = setUp()
    const paused = (reason: string) => `kafka_worker_paused{group="${group}",reason="${reason}"} 1`
    observe({ is: 'paused', group, reason: 'backpressure', detail: null })
    expect(await line('kafka_worker_paused{')).toEqual([paused('backpressure')])
    observe({ is: 'paused', group, reason: 'equal-failures', detail: 'fix it' })
    observe({ is: 'unpaused', group: 'another', reason: 'backpressure' })
    expect(await line('kafka_worker_paused{')).toEqual([paused('backpressure'), paused('equal-failures')])
    observe({ is: 'unpaused', group, reason: 'backpressure' })
    expect(await line('kafka_worker_paused{')).toEqual([paused('equal-failures')])
    observe({ is: 'group-stopped', group, reason: 'a sentence' })
    expect(await line('kafka_worker_paused{')).toEqual([paused('stopped')])
  })

  it('bounds the number of reasons', async () => {
    const { observe, line } = setUp()
    for (let count = 0; count < 500; count++) observe({ is: 'paused', group: `group-${count}`, reason: `reason ${count}`, detail: null })
    const reasons = new Set((await line('kafka_worker_paused{')).map((line) => /reason="([^"]*)"/.exec(line)?.[1]))
    expect(reasons.size).toBe(51)
  })

  it('drops committed offsets of partitions that moved to another owner', async () => {
    const { observe, line } = setUp()
    observe({ is: 'committed', group, topic: 'domain-events', offsets: new Map([[3, 500n]]) })
    expect(await line('kafka_worker_committed_offset{')).toEqual([`kafka_worker_committed_offset{group="${group}",partition="3"} 500`])
    observe({ is: 'assignment-ended', group, epoch: 1, reason: 'rebalance' })
    expect(await line('kafka_worker_committed_offset{')).toEqual([])
  })

  it('counts everything else that alerts use', async () => {
    const { observe, metrics } = setUp()
    observe({ is: 'group-joined', group, topic: 't', partitions: [0], epoch: 1 })
    observe({
      is: 'dead-lettered',
      group,
      topic: 't',
      partition: 0,
      offset: 1n,
      eventId: null,
      correlationId: null,
      type: null,
      reason: 'not-json',
      detail: '',
    })
    observe({ is: 'row-moved', group, partition: 0, expected: 1n, row: 0n, meaning: 'database-behind-kafka' })
    observe({ is: 'commit-failed', group, cause: '' })
    observe({ is: 'waiting', group, partition: 3, cause: 'the database is away', retryInMs: 100, attempt: 1 })
    observe({ is: 'recalculated', campaignId: 'c', because: null, rowsChanged: 12, durationMs: 5 })
    observe({ is: 'leases-expired', reclaimed: 2, ambiguous: 1 })
    observe({ is: 'dependency', name: 'relay', state: 'down', cause: null })
    observe({ is: 'template-unknown-variable', template: 't', variable: 'v' })
    observe({ is: 'consumer-crashed', group, cause: '', rebuildInMs: 1, crashes: 1 })
    observe({ is: 'group-stopped', group, reason: 'lost range' })
    observe({ is: 'swept', campaigns: 2 })
    observe({ is: 'retention', deleted: new Map([['outcomes', 7]]), durationMs: 30, complete: true })
    observe({ is: 'retention-failed', cause: '' })
    observe({ is: 'outbox-shards', shards: [1, 4, 7], relays: 3 })
    observe({ is: 'outbox-published', shard: 1, events: 500, repeats: 20, durationMs: 9 })
    observe({ is: 'outbox-published', shard: 4, events: 3, repeats: 0, durationMs: 9 })
    observe({ is: 'outbox-failed', position: '7', eventId: 'e', topic: 't', type: 'user.signed_up', reason: 'too-large', error: '' })
    const text = await metrics.render()
    for (const line of [
      'retention_rows_deleted_total{table="outcomes"} 7',
      'retention_failures_total 1',
      `rebalances_total{group="${group}"} 1`,
      `dead_letters_total{group="${group}",reason="not-json"} 1`,
      `row_moves_total{group="${group}",meaning="database-behind-kafka"} 1`,
      `commit_failures_total{group="${group}"} 1`,
      `accept_retries_total{group="${group}"} 1`,
      'recalculations_total{mode="windowed"} 1',
      'recalculation_rows_changed_total 12',
      'leases_expired_total{end="reclaimed"} 2',
      'leases_expired_total{end="ambiguous"} 1',
      'dependency_up{dependency="relay"} 0',
      'template_unknown_variables_total 1',
      `consumer_crashes_total{group="${group}"} 1`,
      `paused{group="${group}",reason="stopped"} 1`,
      'swept_campaigns_total 2',
      'outbox_shards 3',
      'outbox_published_total 503',
      'outbox_repeats_total 20',
      'outbox_failures_total{reason="too-large"} 1',
      'outbox_failures_total{reason="unknown-topic"} 0',
    ]) {
      expect(text).toContain(`\nkafka_worker_${line}\n`)
    }
  })
})
