import { systemClock } from '../../std/clock.ts'
import type { Clock } from '../../std/clock.ts'
import { LogAccessRefused, type LogAdmin, type PartitionRange } from '../../ingest/log-admin.ts'
import { LAG_WINDOW_MS } from './lag-verdict.ts'
import { createWatermarkHistory } from './watermark-history.ts'
import type { WatermarkHistory } from './watermark-history.ts'

export interface PartitionLag extends PartitionRange {
  /** Null when the group has never committed; its lag is then the whole partition. */
  readonly committed: bigint | null
  readonly lag: bigint
  /** Age of the oldest uncommitted record, in seconds; at most the time since this process started measuring. */
  readonly secondsBehind: number
}

export interface GroupLag {
  readonly topic: string
  readonly total: bigint
  /** The most of any partition. */
  readonly secondsBehind: number
  readonly partitions: ReadonlyMap<number, PartitionLag>
}

export interface LagSnapshot {
  /** Milliseconds of the monotonic clock. */
  readonly at: number
  /** By group id, the prefix included. */
  readonly groups: ReadonlyMap<string, GroupLag>
}

export interface LagMonitorOptions {
  readonly admin: Pick<LogAdmin, 'committed' | 'ranges'>
  /** Ids as Kafka knows them, with the prefix. */
  readonly groups: readonly { readonly id: string; readonly topic: string }[]
  readonly intervalMs: number
  /** Called with the first error of each outage; measuring continues. */
  readonly onError: (error: unknown) => void
  readonly clock?: Clock
}

export interface LagMonitor {
  start(): void
  /** Idempotent. A measurement in flight is not awaited; its result is dropped. */
  stop(): void
  /** Measures now, for callers that cannot wait for the next interval. Never throws. */
  measure(): Promise<void>
  /** The last values, or null before the first and when they are older than three intervals. */
  latest(): LagSnapshot | null
  /** The measurements of the last minute, oldest first. */
  recent(): readonly LagSnapshot[]
}

/**
 * Measures the lag of each group. Commits are read before the ends of the partitions, so that the lag is never negative on a busy topic.
 * Nothing is written.
 */
export function createLagMonitor(options: LagMonitorOptions): LagMonitor {
  const { admin, groups, intervalMs, clock = systemClock } = options
  const topics = [...new Set(groups.map(({ topic }) => topic))]
  const stopping = new AbortController()
  const highWatermarks = new Map(topics.map((topic) => [topic, createWatermarkHistory()]))
  let last: LagSnapshot | null = null
  let recent: readonly LagSnapshot[] = []
  let failing = false
  let started = false

  async function measure(): Promise<void> {
    try {
      const answers = await Promise.allSettled(groups.map(({ id, topic }) => admin.committed(id, topic)))
      // A group whose commits may not be read does not hide the lag of the others.
      const committed = groups.flatMap((group, index) => {
        const answer = answers[index]
        return answer?.status === 'fulfilled' ? [{ ...group, offsets: answer.value }] : []
      })
      const failed = answers.find((answer) => answer.status === 'rejected')
      if (failed !== undefined && (committed.length === 0 || !(failed.reason instanceof LogAccessRefused))) throw failed.reason
      const ends = await Promise.allSettled(topics.map((topic) => admin.ranges(topic)))
      // The same of a topic.
      const ranges = new Map(
        topics.flatMap((topic, index) => (ends[index]?.status === 'fulfilled' ? [[topic, ends[index].value] as const] : [])),
      )
      const unread = ends.find((answer) => answer.status === 'rejected')
      if (unread !== undefined && (ranges.size === 0 || !(unread.reason instanceof LogAccessRefused))) throw unread.reason
      if (stopping.signal.aborted) return
      const at = clock.monotonic()
      for (const [topic, history] of highWatermarks) history.add(at, ranges.get(topic) ?? new Map())
      const lags = committed.flatMap(({ id, topic, offsets }) => {
        const [range, history] = [ranges.get(topic), highWatermarks.get(topic)]
        return range === undefined || history === undefined ? [] : [[id, { topic, ...lagOf(offsets, range, history, at) }] as const]
      })
      last = { at, groups: new Map(lags) }
      recent = [...recent.filter((snapshot) => at - snapshot.at <= LAG_WINDOW_MS), last]
      failing = false
    } catch (error) {
      if (!failing && !stopping.signal.aborted) options.onError(error)
      failing = true
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await measure()
      await clock.sleep(intervalMs, stopping.signal)
    }
  }

  return {
    start: () => {
      if (started) return
      started = true
      void run()
    },
    stop: () => stopping.abort(),
    measure,
    recent: () => recent.filter(({ at }) => clock.monotonic() - at <= LAG_WINDOW_MS + 3 * intervalMs),
    latest: () => (last !== null && clock.monotonic() - last.at <= 3 * intervalMs ? last : null),
  }
}

function lagOf(
  committed: ReadonlyMap<number, bigint>,
  ranges: ReadonlyMap<number, PartitionRange>,
  history: WatermarkHistory,
  now: number,
): Omit<GroupLag, 'topic'> {
  const partitions = new Map<number, PartitionLag>()
  let total = 0n
  let oldest = now
  for (const [partition, { low, high }] of ranges) {
    const position = committed.get(partition) ?? null
    const behind = high - (position ?? low)
    // Beyond the end: the topic was recreated. That is not lag, and is reported by the start offsets.
    const lag = behind > 0n ? behind : 0n
    const since = lag > 0n ? history.writtenAt(partition, position ?? low) : now
    partitions.set(partition, { low, high, committed: position, lag, secondsBehind: (now - since) / 1000 })
    total += lag
    oldest = Math.min(oldest, since)
  }
  return { total, secondsBehind: (now - oldest) / 1000, partitions }
}
