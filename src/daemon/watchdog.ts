import type { Config } from '../../config/load.ts'
import type { Group } from './compose/groups.ts'
import type { Channels } from '../delivery/channels.ts'
import type { Pools } from './compose/pools.ts'
import type { WatchedTask } from '../std/stall-detector.ts'

/** A periodic task of the process. */
export interface Turns {
  readonly task: string
  /** Counts its ends. */
  readonly turns: number
  /** The longest from one end to the next, by its own deadlines; milliseconds. */
  readonly withinMs: number
}

export interface VitalSigns {
  readonly config: Config
  readonly channels: Channels
  readonly pools: Readonly<Record<keyof Pools, { readonly longestStatementMs: number }>>
  readonly groups: readonly Pick<Group, 'id' | 'source' | 'workers'>[]
  readonly tasks: readonly Turns[]
  /** Null while the database answers. */
  readonly databaseTrouble: string | null
}

/** The task that finds out whether the database is there: the only one that its absence does not excuse. */
export const DATABASE_PROBE = 'database probe'

/**
 * All that must go on in this process, each with the deadlines that apply to one move of it: what can hang for ever hangs in
 * one of these. Waiting for the database excuses everything that needs it, a pause of fetching the batches.
 */
export function vitalSigns({ config, channels, pools, groups, tasks, databaseTrouble }: VitalSigns): readonly WatchedTask[] {
  const away = databaseTrouble === null ? null : 'the database does not answer'
  const ofTasks = tasks.map(({ task, turns, withinMs }): WatchedTask => ({
    what: task,
    group: null,
    marker: turns,
    allowedMs: withinMs,
    suppressedBy: task === DATABASE_PROBE ? null : away,
  }))
  const ofGroups = groups.flatMap(({ id: group, source, workers }): readonly WatchedTask[] => {
    const batches = source.batchesInFlight().map(({ partition, since, steps: moves }): WatchedTask => {
      const what = partition < 0 ? 'reading the start offsets' : `batch of partition ${partition}`
      return {
        what,
        group,
        marker: `${since} ${moves}`,
        allowedMs: 2 * pools.accept.longestStatementMs,
        suppressedBy: source.isFetchingPaused() ? 'paused' : away,
      }
    })
    const intents = workers.running().map(({ intentId, channel, kind, since }): WatchedTask => {
      const what = `${channel} intent ${intentId} (${kind})`
      return { what, group, marker: since, allowedMs: intentMs(config, channels, groups.length, channel), suppressedBy: away }
    })
    const pulse = source.activity()
    // A batch under way holds the next fetch back, and is looked at itself.
    const client: WatchedTask[] =
      pulse === null
        ? []
        : [
            {
              what: 'Kafka client',
              group,
              marker: pulse.fetches,
              allowedMs: pulse.withinMs,
              suppressedBy: batches.length > 0 ? 'a batch is under way' : null,
            },
            // It can fetch without being in the group any more, and the broker refuses every commit.
            { what: 'membership of the group', group, marker: pulse.heartbeats, allowedMs: pulse.withinMs, suppressedBy: null },
          ]
    const turns = workers.turns()
    const claims: WatchedTask[] =
      turns === null
        ? []
        : [{ what: 'loop that claims intents', group, marker: turns, allowedMs: 2 * pools.delivery.longestStatementMs, suppressedBy: away }]
    return [...batches, ...intents, ...client, ...claims]
  })
  return [...ofTasks, ...ofGroups]
}

/** Two leases: the claim's, renewed at the start. For a mail also the mails of all groups before it on the relay's connections. */
function intentMs(config: Config, channels: Channels, groups: number, channel: string): number {
  const known = Object.values(channels).find(({ name }) => name === channel)
  const deadlineMs = known?.deadlineMs ?? config.leaderboard.deadlineMs
  const before = channel === 'email' ? Math.ceil((groups * config.kafka.poolSize) / config.mail.maxConnections) : 0
  return (4 + before) * deadlineMs
}
