import type { Clock } from '../../std/clock.ts'
import { answerWithin } from '../../std/within-deadline.ts'
import type { PauseAdmin } from '../pauses/pause-admin.ts'
import type { LagMonitor } from './lag-monitor.ts'
import { DUE_LIMIT, MOST_CAMPAIGNS, type GroupReader, type InsideReader } from './lag-ports.ts'
import type { GroupObservation } from './lag-report.ts'
import { partitionVerdict, type LagSample } from './lag-verdict.ts'

/** Records read to find their time and type, by group. */
const MOST_HEADS = 20

/** Where observations come from. */
export interface LagSources {
  readonly monitor: Pick<LagMonitor, 'recent' | 'latest'>
  readonly kafka: GroupReader
  readonly inside: InsideReader
  readonly pauses: Pick<PauseAdmin, 'active'>
  readonly clock: Pick<Clock, 'sleep'>
  /** The longest wait for each answer; milliseconds. */
  readonly deadlineMs: number
  /** Reads the next record of every partition that is behind, not only of those that stand still. */
  readonly everyHead?: boolean
}

/** What Kafka and the database say of each group now, beside the measurements. Never rejects: what does not answer in time is unknown. */
export async function observeLag(
  groups: readonly { readonly id: string; readonly topic: string }[],
  of: LagSources,
): Promise<readonly GroupObservation[]> {
  const known = <Answer>(answer: Promise<Answer>): Promise<Answer | null> =>
    // Shown as unknown: outages of Kafka and the database are reported elsewhere.
    answerWithin(of.deadlineMs, answer, 'late', of.clock).catch(() => null)
  const [blocked, pauses] = await Promise.all([known(of.inside.blocked()), known(of.pauses.active())])
  return Promise.all(
    groups.map(async ({ id: group, topic }): Promise<GroupObservation> => {
      const lag = of.monitor.latest()?.groups.get(group) ?? null
      const samples = samplesOf(of.monitor, group)
      const behind = [...(lag?.partitions ?? [])].filter(
        ([partition, one]) => one.lag > 0n && (of.everyHead === true || !isMoving(samples.get(partition) ?? [])),
      )
      const wanted = behind
        .toSorted(([, one], [, other]) => other.secondsBehind - one.secondsBehind)
        .slice(0, MOST_HEADS)
        .map(([partition, { committed, low }]) => [partition, committed !== null && committed > low ? committed : low] as const)
      const [members, inside, heads] = await Promise.all([
        known(of.kafka.members(group, topic)),
        known(of.inside.inside(group, topic, { due: DUE_LIMIT, campaigns: MOST_CAMPAIGNS })),
        wanted.length === 0 ? null : known(of.kafka.heads(topic, new Map(wanted))),
      ])
      return { group, topic, lag, samples, members, inside, heads: heads ?? new Map(), blocked: blocked ?? [], pauses: pauses ?? [] }
    }),
  )
}

/** The measurements of the last minute by partition, oldest first. */
export function samplesOf(monitor: Pick<LagMonitor, 'recent'>, group: string): ReadonlyMap<number, readonly LagSample[]> {
  const samples = new Map<number, LagSample[]>()
  for (const { at, groups } of monitor.recent()) {
    for (const [partition, { low, high, committed }] of groups.get(group)?.partitions ?? []) {
      const sample = { at, low, high, committed }
      const before = samples.get(partition)
      if (before === undefined) samples.set(partition, [sample])
      else before.push(sample)
    }
  }
  return samples
}

function isMoving(samples: readonly LagSample[]): boolean {
  const { word } = partitionVerdict(samples, { members: null, paused: null, breaker: null })
  return word === 'ok' || word === 'catching-up'
}
