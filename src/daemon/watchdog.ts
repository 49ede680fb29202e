import type { Config } from '../../config/load.ts'
import type { Group } from './compose/groups.ts'
import type { Channel, Channels } from '../delivery/define-channel.ts'
import type { RunningIntent } from '../delivery/worker-pool.ts'
import type { Pools } from './compose/pools.ts'
import type { WatchedTask } from '../std/stall-detector.ts'

/** A periodic task of the process. */
export interface TaskProgress {
  readonly task: string
  /** Progress marker: counts finished runs. */
  readonly runs: number
  /** The longest time between two finished runs, by its own deadlines; milliseconds. */
  readonly withinMs: number
}

export interface WatchdogInput {
  readonly config: Config
  readonly channels: Channels
  readonly pools: Readonly<Record<keyof Pools, { readonly longestStatementMs: number }>>
  readonly groups: readonly Pick<Group, 'id' | 'source' | 'workers'>[]
  readonly tasks: readonly TaskProgress[]
  /** Null while the database answers. */
  readonly databaseOutage: string | null
}

/** The only task that a database outage does not suppress. */
export const DATABASE_PROBE = 'database probe'

/**
 * Everything in this process that has to make progress, with the deadlines of one step: whatever can hang forever hangs in one of these. A
 * database outage suppresses every task that needs the database; a pause of fetching suppresses batches.
 */
export function watchedTasks({ config, channels, pools, groups, tasks, databaseOutage }: WatchdogInput): readonly WatchedTask[] {
  const unavailable = databaseOutage === null ? null : 'the database does not answer'
  const taskEntries = tasks.map(({ task, runs, withinMs }): WatchedTask => ({
    what: task,
    group: null,
    marker: runs,
    allowedMs: withinMs,
    suppressedBy: task === DATABASE_PROBE ? null : unavailable,
  }))
  const groupEntries = groups.flatMap(({ id: group, source, workers }): readonly WatchedTask[] => {
    const batches = source.batchesInFlight().map(({ partition, since, steps }): WatchedTask => {
      const what = partition < 0 ? 'reading the start offsets' : `batch of partition ${partition}`
      return {
        what,
        group,
        marker: `${since} ${steps}`,
        allowedMs: 2 * pools.accept.longestStatementMs,
        suppressedBy: source.isFetchingPaused() ? 'paused' : unavailable,
      }
    })
    const intents = oldestOfEach(workers.running()).map(({ intentId, channel, kind, since }): WatchedTask => {
      const what = `${channel} intent ${intentId} (${kind})`
      return { what, group, marker: since, allowedMs: intentMs(config, channels[channel], groups.length), suppressedBy: unavailable }
    })
    const activity = source.activity()
    // A batch in flight holds back the next fetch, and is watched itself.
    const client: WatchedTask[] =
      activity === null
        ? []
        : [
            {
              what: 'Kafka client',
              group,
              marker: activity.fetches,
              allowedMs: activity.withinMs,
              suppressedBy: batches.length > 0 ? 'a batch is in flight' : null,
            },
            // A client can fetch without being a member any more, while the broker refuses every commit.
            { what: 'membership of the group', group, marker: activity.heartbeats, allowedMs: activity.withinMs, suppressedBy: null },
          ]
    const turns = workers.turns()
    const claims: WatchedTask[] =
      turns === null
        ? []
        : [
            {
              what: 'loop that claims intents',
              group,
              marker: turns,
              allowedMs: 2 * pools.delivery.longestStatementMs,
              suppressedBy: unavailable,
            },
          ]
    return [...batches, ...intents, ...client, ...claims]
  })
  return [...taskEntries, ...groupEntries]
}

/** Two leases, because the claim's is renewed at the start; and, on a channel with few connections, the wait for the deliveries of all groups ahead. */
function intentMs({ kafka }: Config, channel: Channel<never>, groups: number): number {
  const before = 'concurrency' in channel ? Math.ceil((groups * kafka.poolSize) / channel.concurrency) : 0
  return (4 + before) * channel.deadlineMs
}

/** Of an intent that was claimed again while a send of it hangs: a task has a name of its own, and the older one has hung for longer. */
function oldestOfEach(running: readonly RunningIntent[]): readonly RunningIntent[] {
  const oldest = new Map<string, RunningIntent>()
  for (const one of running) if (one.since < (oldest.get(one.intentId)?.since ?? Infinity)) oldest.set(one.intentId, one)
  return [...oldest.values()]
}
