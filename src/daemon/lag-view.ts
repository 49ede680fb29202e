import { observeLag, type LagSources } from '../admin/lag/observe-lag.ts'
import { reportLag, type GroupLagReport, type GroupObservation, type ProcessView } from '../admin/lag/lag-report.ts'
import type { ChannelWords } from '../admin/lag/lag-ports.ts'
import type { LagMonitor } from '../admin/lag/lag-monitor.ts'
import type { Metrics } from '../infra/telemetry/metrics.ts'
import type { Clock } from '../std/clock.ts'

/** Answers are used again for so long; milliseconds. */
const CACHED_MS = 5_000
/** The longest that a scrape waits for an observation, in milliseconds; the next one finds it. */
const SCRAPE_MS = 1_000

/** The body of GET /lag. Bigints are numbers in it. */
export interface LagView {
  /** When Kafka and the database were observed. */
  readonly at: string
  readonly groups: Readonly<Record<string, Omit<GroupLagReport, 'group'>>>
}

interface LagViewer {
  /** Observes at most once in five seconds and for as long as one deadline; never rejects. */
  view(): Promise<LagView>
}

/** What the process says of the lag of its groups. One observation at a time, shared by all callers. */
export function createLagViewer(of: {
  readonly groups: readonly { readonly id: string; readonly topic: string }[]
  readonly sources: LagSources
  readonly channels: readonly ChannelWords[]
  readonly clock: Clock
  viewOf(group: string): ProcessView
  readonly metrics: Metrics
}): LagViewer {
  const { clock } = of
  const { kafka, inside } = of.sources
  // A question that is not answered yet is not put a second time: behind a locked table they would queue up.
  const sources: LagSources = {
    ...of.sources,
    kafka: {
      members: share(
        (group, topic) => kafka.members(group, topic),
        (group) => group,
      ),
      heads: share(
        (topic, offsets) => kafka.heads(topic, offsets),
        (topic, offsets) => `${topic} ${[...offsets.keys()].join(',')}`,
      ),
    },
    inside: { inside: share(inside.inside, (group) => group), blocked: share(inside.blocked, () => '') },
  }
  let last: { readonly at: number; readonly wall: string; readonly seen: readonly GroupObservation[] } | null = null
  let observing: Promise<readonly GroupObservation[]> | null = null

  function observe(): Promise<readonly GroupObservation[]> {
    if (last !== null && clock.monotonic() - last.at < CACHED_MS) return Promise.resolve(last.seen)
    return (observing ??= observeLag(of.groups, sources)
      .then((seen) => {
        last = { at: clock.monotonic(), wall: new Date(clock.now()).toISOString(), seen }
        return seen
      })
      .finally(() => (observing = null)))
  }

  function reports(seen: readonly GroupObservation[]): readonly GroupLagReport[] {
    return seen.map((one) => reportLag(one, of.channels, clock.now(), of.viewOf(one.group)))
  }

  of.metrics.onScrape(async () => {
    const over = new AbortController()
    const seen = await Promise.race([observe(), clock.sleep(SCRAPE_MS, over.signal).then(() => last?.seen ?? [])])
    over.abort()
    of.metrics.scalableBacklog.reset()
    for (const { group, scalableBacklog } of reports(seen)) {
      if (scalableBacklog !== null) of.metrics.scalableBacklog.set({ group }, scalableBacklog)
    }
  })

  return {
    async view() {
      const seen = await observe()
      const groups = reports(seen).map(({ group, ...report }) => [group, report] as const)
      return { at: last?.wall ?? new Date(clock.now()).toISOString(), groups: Object.fromEntries(groups) }
    },
  }
}

/** Sets the lag gauges at each scrape; outdated values are removed. */
export function publishLag(metrics: Metrics, monitor: Pick<LagMonitor, 'latest'>): void {
  metrics.onScrape(() => {
    metrics.lag.reset()
    metrics.lagSeconds.reset()
    metrics.partitionLagSeconds.reset()
    const snapshot = monitor.latest()
    for (const [consumergroup, { topic, secondsBehind, partitions }] of snapshot?.groups ?? []) {
      metrics.lagSeconds.set({ consumergroup }, secondsBehind)
      for (const [partition, one] of partitions) {
        const labels = { consumergroup, topic, partition: String(partition) }
        metrics.lag.set(labels, Number(one.lag))
        metrics.partitionLagSeconds.set(labels, one.secondsBehind)
      }
    }
  })
}

/** Calls with the same key share one answer while it is awaited. */
function share<Arguments extends readonly unknown[], Answer>(
  ask: (...of: Arguments) => Promise<Answer>,
  keyOf: (...of: Arguments) => string,
): (...of: Arguments) => Promise<Answer> {
  const pending = new Map<string, Promise<Answer>>()
  return (...of) => {
    const key = keyOf(...of)
    const answer = pending.get(key) ?? ask(...of).finally(() => pending.delete(key))
    pending.set(key, answer)
    return answer
  }
}
