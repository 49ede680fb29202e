import { causeOf, type LagCause } from './lag-cause.ts'
import type { BlockedStatement, ChannelWords, DueWork, GroupInside, Member, RecordHead } from './lag-ports.ts'
import type { GroupLag } from './lag-monitor.ts'
import { groupVerdict, lagWords, partitionVerdict, STILL_MS, type LagSample, type LagVerdict, type LagWord } from './lag-verdict.ts'
import { coversGroup, pauseOfPartition, pauseSentence, pauseTerms, type Pause } from '../../model/pause.ts'
import { asSentence } from '../../std/failure.ts'
import { scalableBacklog } from './scalable-backlog.ts'

/** What was seen of a group. Null: unknown, because Kafka or the database did not answer. */
export interface GroupObservation {
  readonly group: string
  readonly topic: string
  readonly lag: GroupLag | null
  readonly samples: ReadonlyMap<number, readonly LagSample[]>
  readonly members: readonly Member[] | null
  readonly heads: ReadonlyMap<number, RecordHead>
  readonly inside: GroupInside | null
  readonly blocked: readonly BlockedStatement[]
  readonly pauses: readonly Pause[]
}

/** What a daemon knows of the group it runs, and nobody else. */
export interface ProcessView {
  /** Why the group was stopped; null while it is not. */
  readonly stopped: string | null
  readonly paused: readonly string[]
  readonly waiting: string | null
  readonly blocked: Blocked | null
}

/** The only destination of a channel, which takes no deliveries. */
export interface Blocked {
  readonly destination: string
  /** Completes "Behind by 5 records because ...". */
  readonly because: string
  /** Completes "The log is read, but ...". */
  readonly but: string
}

export interface PartitionReport extends LagVerdict {
  readonly partition: number
  readonly lag: bigint
  readonly secondsBehind: number
  /** Since when its process has had a record to read and has not moved, if that is {@link STILL_MS} or longer; null also while it is paused. */
  readonly stillSince: Date | null
  readonly committed: bigint | null
  readonly end: bigint
  /** The oldest record that was not read, of partitions that stand still. */
  readonly next: { readonly offset: bigint; readonly type: string | null; readonly eventId: string | null } | null
  readonly owner: Pick<Member, 'memberId' | 'address' | 'host' | 'pid'> | null
}

export interface GroupLagReport {
  readonly group: string
  readonly topic: string
  readonly verdict: LagVerdict
  readonly cause: LagCause | null
  readonly lag: bigint | null
  readonly secondsBehind: number | null
  /** In all processes; null when Kafka did not answer. */
  readonly members: number | null
  /** Null when the database did not answer: autoscalers then keep what they have. */
  readonly scalableBacklog: number | null
  readonly due: readonly DueWork[] | null
  /** Destinations with an open breaker, with how many of the group's intents wait for each. */
  readonly away: GroupInside['away']
  readonly slow: GroupInside['slow']
  /** How long the oldest due intent has been due; 0 when none is. */
  readonly oldestDueSeconds: number | null
  /** Those with the worst verdict and the most lag first, at most {@link MOST_PARTITIONS}. */
  readonly partitions: readonly PartitionReport[]
  readonly partitionCount: number
}

export const MOST_PARTITIONS = 200
/** Reasons of the fetch gate that more processes would end sooner. */
const backlogReasons: ReadonlySet<string> = new Set(['intents-due', 'recalculations-late'])
/** Verdicts under which a partition that does not move should: `ok` includes a handful of records. */
const stillWords: ReadonlySet<LagWord> = new Set(['ok', 'falling-behind', 'stalled'])
const nothing: ProcessView = { stopped: null, paused: [], waiting: null, blocked: null }

/**
 * Verdict, cause and figures of a group from what was seen of it.
 *
 * @param now milliseconds since 1970, to be compared with the timestamps of records
 */
export function reportLag(
  seen: GroupObservation,
  channels: readonly ChannelWords[],
  now: number,
  view: ProcessView = nothing,
): GroupLagReport {
  const { group, topic, lag, inside, members } = seen
  const sole = view.blocked ?? soleAway(inside, channels)
  const pauseOf = (partition: number) => pauseOfPartition(seen.pauses, group, partition)
  const owners = new Map(members?.flatMap((member) => member.partitions.map((partition) => [partition, member] as const)))
  const partitions = [...(lag?.partitions ?? [])].map(([partition, one]): PartitionReport => {
    const head = seen.heads.get(partition)
    const pause = pauseOf(partition)
    const oldestMs = head === undefined ? null : Math.max(0, now - head.timestamp)
    const verdict = partitionVerdict(seen.samples.get(partition) ?? [], {
      members: members?.length ?? null,
      paused: view.paused.length === 0 ? null : view.paused.join(', '),
      breaker: sole?.because ?? null,
      held: pause && pauseTerms(pause),
      oldestMs,
      idleMs: inside?.idleMs.get(partition) ?? null,
    })
    const owner = owners.get(partition)
    const stillMs = Math.min(oldestMs ?? 0, inside?.idleMs.get(partition) ?? 0)
    const isStill =
      owner !== undefined && stillMs >= STILL_MS && stillWords.has(verdict.word) && hasNotMoved(seen.samples.get(partition) ?? [])
    return {
      partition,
      ...verdict,
      lag: one.lag,
      secondsBehind: one.lag === 0n ? 0 : Math.max(one.secondsBehind, (oldestMs ?? 0) / 1_000),
      stillSince: isStill ? new Date(now - stillMs) : null,
      committed: one.committed,
      end: one.high,
      next: head === undefined || one.lag === 0n ? null : { offset: head.offset, type: head.type, eventId: head.eventId },
      owner: owner === undefined ? null : { memberId: owner.memberId, address: owner.address, host: owner.host, pid: owner.pid },
    }
  })
  const byBadness = partitions.toSorted(worstFirst)
  const isForBacklog = view.paused.length > 0 && view.paused.every((reason) => backlogReasons.has(reason))
  const withPause = ({ partition, lag: behind, word }: PartitionReport) => ({
    lag: behind,
    word,
    isForBacklog: word === 'paused' && isForBacklog && pauseOf(partition) === null,
  })
  const due = inside?.due ?? null
  const oldest = due?.flatMap(({ channel, oldestMs }) => (oldestMs === null ? [] : [{ channel, ms: oldestMs }])) ?? []
  const pauseOfChannel = (channel: string) =>
    seen.pauses.find((pause) => coversGroup(pause, group) && pause.scope === 'channel' && pause.target === channel)
  const closed = due?.map(({ channel }) => pauseOfChannel(channel)).find((pause) => pause !== undefined)
  const verdict: LagVerdict =
    view.stopped === null
      ? groupVerdict(
          new Map(byBadness.map((one) => [one.partition, one])),
          oldest,
          sole?.but ?? null,
          closed ? pauseSentence(closed) : null,
        )
      : { word: 'stopped', sentence: view.stopped }
  const worst = byBadness.filter(({ word }) => word === verdict.word)
  const stuck = worst.find(({ next }) => next !== null) ?? worst[0]
  const head = stuck && seen.heads.get(stuck.partition)
  return {
    group,
    topic,
    verdict,
    cause: causeOf({
      word: verdict.word,
      verdict: verdict.sentence,
      pause: verdict.word !== 'paused' ? null : ((stuck && pauseOf(stuck.partition)) ?? closed ?? null),
      paused: view.paused,
      waiting: view.waiting,
      head: stuck !== undefined && head !== undefined ? { partition: stuck.partition, ...head } : null,
      inside,
      blocked: seen.blocked,
      destination: sole === null ? null : { name: sole.destination, sentence: asSentence(sole.but) },
      channels,
    }),
    lag: lag?.total ?? null,
    secondsBehind: lag === null ? null : Math.max(0, ...partitions.map(({ secondsBehind }) => secondsBehind)),
    members: members?.length ?? null,
    scalableBacklog:
      due === null || lag === null
        ? null
        : scalableBacklog(verdict.word === 'stopped' ? [] : partitions.map(withPause), due, {
            isBlocked: (channel) => pauseOfChannel(channel) !== undefined || isAway(channel, inside, channels),
            isSerial: (channel) => channels.some((one) => one.name === channel && one.isSerial),
          }),
    due,
    away: inside?.away ?? [],
    slow: inside?.slow ?? [],
    oldestDueSeconds: due && Math.max(0, ...oldest.map(({ ms }) => ms)) / 1_000,
    partitions: byBadness.slice(0, MOST_PARTITIONS),
    partitionCount: partitions.length,
  }
}

/** Of the group's channels, the first whose only destination is on record as away while something is due. */
function soleAway(inside: GroupInside | null, channels: readonly ChannelWords[]): Blocked | null {
  for (const { channel, destination, reason, since } of inside?.away ?? []) {
    const words = channels.find(({ name, sole }) => name === channel && sole === destination)
    const due = inside?.due?.find((work) => work.channel === channel)
    if (words === undefined || due === undefined) continue
    const { destination: name, deliveries } = words
    const why = `the ${name} has accepted none since ${since.toISOString()} (${reason ?? 'unavailable'}).`
    return { destination, because: `the ${name} accepts no ${deliveries}`, but: `${deliveries} wait: ${why}` }
  }
  return null
}

/** Between the last two measurements, although there was something to read; the time of a record is the publisher's, and may be old. */
function hasNotMoved(samples: readonly LagSample[]): boolean {
  const [before, after] = samples.slice(-2)
  return (
    before !== undefined && after !== undefined && before.committed === after.committed && before.high > (before.committed ?? before.low)
  )
}

function isAway(channel: string, inside: GroupInside | null, channels: readonly ChannelWords[]): boolean {
  const sole = channels.find(({ name }) => name === channel)?.sole ?? null
  return sole !== null && inside?.away.some((one) => one.channel === channel && one.destination === sole) === true
}

function worstFirst(one: PartitionReport, other: PartitionReport): number {
  const rank = lagWords.indexOf(one.word) - lagWords.indexOf(other.word)
  if (rank !== 0) return rank
  return one.lag === other.lag ? one.partition - other.partition : one.lag > other.lag ? -1 : 1
}
