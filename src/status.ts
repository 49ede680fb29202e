import type { Group } from './compose-group.ts'
import type { Health } from './health.ts'
import type { HealthReport } from './infra/http/health-server.ts'
import { asSentence } from './operator/as-sentence.ts'
import { groupVerdict, partitionVerdict, type LagVerdict } from './infra/telemetry/lag-verdict.ts'
import type { LagMonitor } from './infra/telemetry/lag.ts'
import type { SlowStatement, SlowStatements } from './slow-statements.ts'
import type { IntentStore } from './delivery/intent-store.ts'
import type { Clock } from './std/clock.ts'
import type { Fact } from './worker/fact.ts'
import type { LogAdmin } from './worker/log-admin.ts'

/** How each group stands, for people: GET /status. Never asked by a probe. */
export interface Status {
  readonly live: HealthReport
  readonly ready: HealthReport
  readonly groups: Readonly<Record<string, GroupReport>>
  /** Statements that the database has not answered for a second, the oldest first. */
  readonly slowStatements: readonly SlowStatement[]
}

interface GroupReport {
  readonly state: string
  readonly reason: string | null
  /** Those that this process owns. */
  readonly owned: readonly number[]
  /** Why it does not fetch, by intention. */
  readonly paused: readonly string[]
  /** Members in all processes; null when Kafka did not say. */
  readonly members: number | null
  /** Of the whole group, whoever owns the partitions. */
  readonly verdict: LagVerdict
  readonly lag: number
  readonly secondsBehind: number | null
  /** How long the oldest due intent of each channel has been due; null when the database did not say. */
  readonly oldestDueSeconds: Readonly<Record<string, number>> | null
  readonly partitions: Readonly<Record<string, LagVerdict & { readonly lag: number }>>
  readonly batchesUnderWay: number
  readonly intentsUnderWay: number
  /** How many of them are in each stage. */
  readonly stages: Readonly<Record<string, number>>
}

/** Kafka is given so long to name the members; milliseconds. */
const MEMBERS_MS = 2_000

export function createStatus(of: {
  readonly groups: readonly Group[]
  readonly health: Health
  readonly lag: Pick<LagMonitor, 'latest' | 'recent'>
  readonly admin: Pick<LogAdmin, 'groupState'>
  readonly statements: Pick<SlowStatements, 'list'>
  readonly store: Pick<IntentStore, 'oldestDue'>
  readonly clock: Clock
}): { status(): Promise<Status>; hear(fact: Fact): void } {
  const paused = new Map<string, Set<string>>()
  let breaker: string | null = null

  function hear(fact: Fact): void {
    if (fact.is === 'paused') paused.set(fact.group, (paused.get(fact.group) ?? new Set()).add(fact.reason))
    if (fact.is === 'unpaused') paused.get(fact.group)?.delete(fact.reason)
    if (fact.is === 'dependency' && fact.name === 'relay') breaker = fact.state === 'down' ? 'the relay takes nothing' : null
  }

  async function membersOf(group: string): Promise<number | null> {
    const over = new AbortController()
    const asked = of.admin.groupState(group).then(
      ({ members }) => members,
      // Unknown is an answer here: what is wrong with Kafka shows elsewhere.
      () => null,
    )
    const late = of.clock.sleep(MEMBERS_MS, over.signal).then(() => null)
    const members = await Promise.race([asked, late])
    over.abort()
    return members
  }

  async function reportOf({ id, worker, workers, source }: Group): Promise<GroupReport> {
    const { state, reason, partitions: owned } = worker.status()
    const [members, due] = await Promise.all([
      membersOf(id),
      // Unknown is an answer here, too: what is wrong with the database shows elsewhere.
      of.store.oldestDue(id).catch(() => null),
    ])
    const reasons = [...(paused.get(id) ?? []), ...(source.isQuiet() ? ['quiet'] : [])]
    const circumstances = { members, paused: reasons.length === 0 ? null : reasons.join(', '), breaker }
    const recent = of.lag.recent()
    const latest = of.lag.latest()?.groups.get(id)
    const verdicts = new Map<number, LagVerdict>()
    for (const partition of latest?.partitions.keys() ?? []) {
      const samples = recent.flatMap(({ at, groups }) => {
        const sample = groups.get(id)?.partitions.get(partition)
        return sample === undefined ? [] : [{ at, ...sample }]
      })
      verdicts.set(partition, partitionVerdict(samples, circumstances))
    }
    const lagOf = (partition: number) => Number(latest?.partitions.get(partition)?.lag ?? 0n)
    return {
      state,
      reason,
      owned,
      paused: reasons,
      members,
      verdict:
        state === 'refused'
          ? { word: 'stopped', sentence: asSentence(reason ?? 'It waits for the operator') }
          : groupVerdict(verdicts, due ?? []),
      lag: Number(latest?.total ?? 0n),
      secondsBehind: latest?.secondsBehind ?? null,
      oldestDueSeconds: due && Object.fromEntries(due.map(({ channel, ms }) => [channel, Math.round(ms / 1_000)])),
      partitions: Object.fromEntries([...verdicts].map(([partition, verdict]) => [partition, { ...verdict, lag: lagOf(partition) }])),
      batchesUnderWay: source.underWay().length,
      intentsUnderWay: workers.running().length,
      stages: countOf(workers.running().map(({ stage }) => stage)),
    }
  }

  return {
    hear,
    async status() {
      const [slowStatements, ...reports] = await Promise.all([
        of.statements.list(),
        ...of.groups.map(async (group) => [group.id, await reportOf(group)] as const),
      ])
      return { live: of.health.live(), ready: of.health.ready(), groups: Object.fromEntries(reports), slowStatements }
    },
  }
}

function countOf(words: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, same]) => [word, same.length]))
}
