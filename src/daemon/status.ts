import { asSentence } from '../std/failure.ts'
import type { Group } from './compose/groups.ts'
import { timeAgo, type Outage, type Dependencies, type EndpointOutage } from './dependencies.ts'
import type { Health } from './health.ts'
import type { HealthCheck, HealthReport } from '../infra/http/health-server.ts'
import type { OutboxStatus } from '../outbox/outbox-relay.ts'
import type { OutboxCounts } from '../outbox/postgres-outbox-counts.ts'
import { groupVerdict, partitionVerdict, type LagVerdict } from '../admin/lag/lag-verdict.ts'
import type { LagMonitor } from '../admin/lag/lag-monitor.ts'
import type { ProcessView } from '../admin/lag/lag-report.ts'
import { samplesOf } from '../admin/lag/observe-lag.ts'
import type { SlowStatement, SlowStatements } from './slow-statements.ts'
import type { IntentStore } from '../delivery/intent-store.ts'
import type { Clock } from '../std/clock.ts'
import type { Fact } from '../model/fact.ts'
import type { LogAdmin } from '../ingest/log-admin.ts'
import { coversGroup, pauseOfPartition, pauseSentence, pauseTerms, type Pause } from '../model/pause.ts'

/** The body of GET /status, for operators; not meant for probes. */
export interface Status {
  readonly live: HealthReport
  readonly ready: HealthReport
  /** Since when this process takes no new work because of SIGTSTP; null while it does. */
  readonly quietSince: string | null
  /** What operators have paused, the oldest first. */
  readonly pauses: readonly Omit<Pause, 'id'>[]
  readonly groups: Readonly<Record<string, GroupReport>>
  readonly dependencies: {
    readonly database: HealthCheck
    readonly kafka: HealthCheck
    /** Endpoints with an open breaker, longest outage first; at most {@link MOST_ENDPOINTS}. */
    readonly endpoints: readonly (EndpointOutage & Pick<Outage, 'host' | 'message'>)[]
    readonly endpointsAway: number
    /** The relay, and the only destination of every other channel that has one: an {@link Outage}, or null. */
    readonly [sole: string]: unknown
  }
  readonly outbox: OutboxReport
  /** Statements in flight for more than a second, oldest first. */
  readonly slowStatements: readonly SlowStatement[]
}

/** Events that the platform published in its transactions. */
interface OutboxReport {
  /** Whether this process publishes them; `shards` are those of which it does. */
  readonly relay: 'on' | 'off'
  readonly shards: readonly number[]
  /** In all processes; null when it is off or has no connection of its own. */
  readonly relays: number | null
  /** Why a shard of this process waits, and since when. */
  readonly waiting: { readonly reason: string; readonly since: string } | null
  /** Rows of all shards, counted up to {@link MOST_OUTBOX_ROWS}; null when the database did not answer. */
  readonly rows: OutboxCounts | null
}

interface GroupReport {
  readonly state: string
  readonly reason: string | null
  /** Partitions that this process owns. */
  readonly owned: readonly number[]
  /** Reasons for which fetching is paused. */
  readonly paused: readonly string[]
  /** Members in all processes; null when Kafka did not answer. */
  readonly members: number | null
  /** Of the whole group, across all processes. */
  readonly verdict: LagVerdict
  readonly lag: number
  readonly secondsBehind: number | null
  /** How long the oldest due intent of each channel has been due; null when the database did not answer. */
  readonly oldestDueSeconds: Readonly<Record<string, number>> | null
  readonly partitions: Readonly<Record<string, LagVerdict & { readonly lag: number }>>
  readonly batchesUnderWay: number
  readonly intentsUnderWay: number
  /** Running intents by stage. */
  readonly stages: Readonly<Record<string, number>>
}

/** Deadline for Kafka to return the members; milliseconds. */
const MEMBERS_MS = 2_000
/** Endpoints listed at most. */
const MOST_ENDPOINTS = 100
const MOST_OUTBOX_ROWS = 100_000

export function createStatus(of: {
  readonly groups: readonly Group[]
  readonly health: Health
  readonly lag: Pick<LagMonitor, 'latest' | 'recent'>
  readonly admin: Pick<LogAdmin, 'groupState'>
  readonly statements: Pick<SlowStatements, 'list'>
  readonly store: Pick<IntentStore, 'oldestDue'>
  readonly dependencies: Pick<Dependencies, 'soles' | 'blocked' | 'endpoints' | 'endpointSentence'>
  readonly brokers: readonly string[]
  /** Scheme, host and port of endpoints, by id. */
  originsOf(endpoints: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Null: this process does not publish the outbox. */
  readonly outbox: { status(): OutboxStatus } | null
  countOutbox(limit: number): Promise<OutboxCounts>
  readonly pauses: { current(): readonly Pause[] }
  /** Milliseconds since 1970; null while the process is not quiet. */
  quietSince(): number | null
  readonly clock: Clock
}): { status(): Promise<Status>; onFact(fact: Fact): void; viewOf(group: Pick<Group, 'id' | 'worker' | 'source' | 'kinds'>): ProcessView } {
  const paused = new Map<string, Set<string>>()

  function onFact(fact: Fact): void {
    if (fact.is === 'paused') paused.set(fact.group, (paused.get(fact.group) ?? new Set()).add(fact.reason))
    if (fact.is === 'unpaused') paused.get(fact.group)?.delete(fact.reason)
  }

  async function membersOf(group: string): Promise<number | null> {
    const over = new AbortController()
    const answer = of.admin.groupState(group).then(
      ({ members }) => members,
      // Shown as unknown here: outages of Kafka are reported elsewhere.
      () => null,
    )
    const late = of.clock.sleep(MEMBERS_MS, over.signal).then(() => null)
    const members = await Promise.race([answer, late])
    over.abort()
    return members
  }

  /** What this process knows of the group. */
  function viewOf({ id, worker, source, kinds }: Pick<Group, 'id' | 'worker' | 'source' | 'kinds'>): ProcessView {
    const { state, reason } = worker.status()
    return {
      stopped: state === 'refused' ? asSentence(reason ?? 'Stopped until the operator decides') : null,
      paused: [...(paused.get(id) ?? []), ...(source.isQuiet() ? ['quiet'] : [])],
      waiting: state === 'waiting' ? reason : null,
      blocked: of.dependencies.blocked(kinds.channels),
    }
  }

  async function reportOf({ id, worker, workers, source, kinds }: Group): Promise<GroupReport> {
    const { state, reason, partitions: owned } = worker.status()
    const [members, due] = await Promise.all([
      membersOf(id),
      // Shown as unknown here: outages of the database are reported elsewhere.
      of.store.oldestDue(id).catch(() => null),
    ])
    const { paused: reasons, blocked, stopped } = viewOf({ id, worker, source, kinds })
    const circumstances = { members, paused: reasons.length === 0 ? null : reasons.join(', '), breaker: blocked && blocked.because }
    const own = of.pauses.current().filter((pause) => coversGroup(pause, id))
    const closed = own.find(({ scope, target }) => scope === 'channel' && kinds.channels.some((channel) => channel === target))
    const samples = samplesOf(of.lag, id)
    const latest = of.lag.latest()?.groups.get(id)
    const verdicts = new Map<number, LagVerdict>()
    for (const partition of latest?.partitions.keys() ?? []) {
      const pause = pauseOfPartition(own, id, partition)
      verdicts.set(partition, partitionVerdict(samples.get(partition) ?? [], { ...circumstances, held: pause && pauseTerms(pause) }))
    }
    const lagOf = (partition: number) => Number(latest?.partitions.get(partition)?.lag ?? 0n)
    return {
      state,
      reason,
      owned,
      paused: reasons,
      members,
      verdict:
        stopped !== null
          ? { word: 'stopped', sentence: stopped }
          : groupVerdict(verdicts, due ?? [], blocked && blocked.but, closed ? pauseSentence(closed) : null),
      lag: Number(latest?.total ?? 0n),
      secondsBehind: latest?.secondsBehind ?? null,
      oldestDueSeconds: due && Object.fromEntries(due.map(({ channel, ms }) => [channel, Math.round(ms / 1_000)])),
      partitions: Object.fromEntries([...verdicts].map(([partition, verdict]) => [partition, { ...verdict, lag: lagOf(partition) }])),
      batchesUnderWay: source.batchesInFlight().length,
      intentsUnderWay: workers.running().length,
      stages: countOf(workers.running().map(({ stage }) => stage)),
    }
  }

  async function endpoints(): Promise<Status['dependencies']['endpoints']> {
    const listed = of.dependencies.endpoints().slice(0, MOST_ENDPOINTS)
    // Hosts are optional: without the database the ids remain.
    const origins = await of.originsOf(listed.map(({ endpoint }) => endpoint)).catch(() => new Map<string, string>())
    return listed.map((away) => {
      const host = origins.get(away.endpoint) ?? null
      return { ...away, host, message: of.dependencies.endpointSentence(away, host) }
    })
  }

  async function outbox(): Promise<OutboxReport> {
    // Shown as unknown here: outages of the database are reported elsewhere.
    const rows = await of.countOutbox(MOST_OUTBOX_ROWS).catch(() => null)
    if (of.outbox === null) return { relay: 'off', shards: [], relays: null, waiting: null, rows }
    const { waiting, ...relay } = of.outbox.status()
    const since = waiting && { reason: waiting.reason, since: timeAgo(of.clock, waiting.sinceMs) }
    return { relay: 'on', ...relay, waiting: since, rows }
  }

  /** Kafka is reported as unavailable when neither the members, requested now, nor the lag, measured continuously, are known. */
  function kafka(groups: readonly GroupReport[]): HealthCheck {
    if (of.lag.latest() !== null || groups.some(({ members }) => members !== null)) return { ok: true }
    const last = of.lag.recent().at(-1)
    const message = `Kafka at ${of.brokers.join(', ')} does not answer; check KAFKA_BROKERS, the network and that the brokers run. Nothing is lost: the groups resume automatically.`
    const since = last && timeAgo(of.clock, of.clock.monotonic() - last.at)
    return { ok: false, reason: 'kafka-away', message, ...(since && { since }) }
  }

  return {
    onFact,
    viewOf,
    async status() {
      const [slowStatements, away, published, ...reports] = await Promise.all([
        of.statements.list(),
        endpoints(),
        outbox(),
        ...of.groups.map(async (group) => [group.id, await reportOf(group)] as const),
      ])
      const ready = of.health.ready()
      const dependencies = {
        database: ready.checks['database'] ?? { ok: true },
        kafka: kafka(reports.map(([, report]) => report)),
        ...of.dependencies.soles(),
        endpoints: away,
        endpointsAway: of.dependencies.endpoints().length,
      }
      const quietSince = of.quietSince()
      return {
        live: of.health.live(),
        ready,
        quietSince: quietSince === null ? null : new Date(quietSince).toISOString(),
        pauses: of.pauses.current().map(({ id: _id, ...pause }) => pause),
        dependencies,
        groups: Object.fromEntries(reports),
        outbox: published,
        slowStatements,
      }
    },
  }
}

function countOf(words: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, same]) => [word, same.length]))
}
