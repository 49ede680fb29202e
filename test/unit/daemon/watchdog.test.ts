import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../config/load.ts'
import type { Channels } from '../../../src/delivery/define-channel.ts'
import type { IntentWorkers, RunningIntent } from '../../../src/delivery/worker-pool.ts'
import { createStallDetector } from '../../../src/std/stall-detector.ts'
import { DATABASE_PROBE, watchedTasks, type WatchdogInput } from '../../../src/daemon/watchdog.ts'
import type { BatchInFlight, WatchedSource } from '../../../src/ingest/watched-source.ts'

const config = loadConfig(
  { KAFKA_BROKERS: 'kafka.example.com:9092', DATABASE_URL: 'postgresql://db.example.com/platform', SMTP_URL: 'smtp://mail.example.com' },
  { groups: ['email-workers'], mailGroups: ['email-workers'] },
)
const channel = (name: string, deadlineMs: number, limit: object = {}) => ({ name, deadlineMs, ...limit })
// Only deadlines and the number of connections are looked at.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const channels = {
  email: channel('email', 60_000, { concurrency: 10 }),
  webhook: channel('webhook', 22_000, { concurrency: Infinity }),
  leaderboard: channel('leaderboard', 120_000),
  broadcast: channel('broadcast', 30_000),
} as Channels
const pools = {
  accept: { longestStatementMs: 40_000 },
  delivery: { longestStatementMs: 130_000 },
  watch: { longestStatementMs: 15_000 },
  metrics: { longestStatementMs: 15_000 },
  outbox: { longestStatementMs: 15_000 },
}

let moved = 0

const batch: BatchInFlight = { partition: 3, records: 10, since: 0, steps: 0, waitsFor: null }
const mail: RunningIntent = { intentId: '7', channel: 'email', kind: 'welcome', since: 0, stage: 'prepare', stageSince: 0, waitsFor: null }
/** Of the same mail; each time that somebody looks it is a newer one. */
const another: RunningIntent = {
  ...mail,
  get since() {
    return (moved += 1)
  },
}

interface Group {
  readonly batches: readonly BatchInFlight[]
  readonly held: boolean
  readonly beats: number | null | 'moving'
  /** They move, if left out. */
  readonly heartbeats?: number
  readonly turns: number | null
  readonly running: readonly RunningIntent[]
}

/** A group in which nothing is under way, but what is changed. */
function groupOf(change: Partial<Group>): WatchdogInput['groups'][number] {
  const group: Group = { batches: [], held: false, beats: null, turns: null, running: [], ...change }
  const source: Pick<WatchedSource, 'batchesInFlight' | 'isFetchingPaused' | 'activity'> = {
    batchesInFlight: () => group.batches,
    isFetchingPaused: () => group.held,
    activity: () => {
      if (group.beats === null) return null
      moved += 1
      return { fetches: group.beats === 'moving' ? moved : group.beats, heartbeats: group.heartbeats ?? moved, withinMs: 120_000 }
    },
  }
  const workers: Pick<IntentWorkers, 'running' | 'turns'> = { running: () => group.running, turns: () => group.turns }
  // The watchdog uses nothing else of them.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { id: 'email-workers', source: source as WatchedSource, workers: workers as IntentWorkers }
}

type Change = Partial<Group> & Partial<Pick<WatchdogInput, 'tasks' | 'databaseOutage'>>

function signsOf({ tasks = [], databaseOutage: databaseTrouble = null, ...group }: Change) {
  return watchedTasks({ config, channels, pools, groups: [groupOf(group)], tasks, databaseOutage: databaseTrouble })
}

/** What is called stalled after standing like this for so long, with 300 s of grace. */
function stalledAfter(seconds: number, change: Change): readonly string[] {
  let now = 0
  const watch = createStallDetector({ clock: { now: () => now, monotonic: () => now }, graceMs: 300_000 })
  watch.check(signsOf(change))
  for (let second = 0; second < seconds; second++) {
    now += 1_000
    watch.check(signsOf(change))
  }
  return watch.check(signsOf(change)).map(({ what }) => what)
}

describe('a task without progress', () => {
  it.each<[string, Change, string, number]>([
    ['an accept that never returns', { batches: [batch] }, 'batch of partition 3', 80],
    ['start positions that are never reported', { batches: [{ ...batch, partition: -1 }] }, 'reading the start offsets', 80],
    ['a Kafka client gone silent without a crash', { beats: 5 }, 'Kafka client', 120],
    ['a member whose heartbeats have stopped, though it fetches', { beats: 'moving', heartbeats: 8 }, 'membership of the group', 120],
    ['a claim loop stuck on a query', { turns: 9 }, 'loop that claims intents', 260],
    ['a mail that is never settled', { running: [mail] }, 'email intent 7 (welcome)', 300],
    [
      'a mail that is never settled, and is claimed and sent again and again',
      { running: [mail, another] },
      'email intent 7 (welcome)',
      300,
    ],
    ['a webhook that is never settled', { running: [{ ...mail, channel: 'webhook' }] }, 'webhook intent 7 (welcome)', 88],
    ['a recalculation that is never settled', { running: [{ ...mail, channel: 'leaderboard' }] }, 'leaderboard intent 7 (welcome)', 480],
    ['a page of a broadcast that is never settled', { running: [{ ...mail, channel: 'broadcast' }] }, 'broadcast intent 7 (welcome)', 120],
    ['a chore that never ends', { tasks: [{ task: 'lease check', runs: 3, withinMs: 131_000 }] }, 'lease check', 131],
    ['a probe that never ends', { tasks: [{ task: DATABASE_PROBE, runs: 3, withinMs: 6_000 }] }, 'database probe', 6],
  ])('%s is reported after its deadlines and the grace period', (_, change, what, seconds) => {
    expect(stalledAfter(300 + seconds, change)).toEqual([])
    expect(stalledAfter(301 + seconds, change)).toEqual([what])
  })
})

describe('a suppressed task', () => {
  const day = 86_400

  it.each<[string, Change]>([
    ['a batch while the database is away', { batches: [batch], databaseOutage: 'refused' }],
    ['start positions while the database is away', { batches: [{ ...batch, partition: -1 }], databaseOutage: 'refused' }],
    ['claims while the database is away', { turns: 9, databaseOutage: 'refused' }],
    ['intents while the database is away', { running: [mail], databaseOutage: 'refused' }],
    ['chores while the database is away', { tasks: [{ task: 'lease check', runs: 3, withinMs: 1 }], databaseOutage: 'refused' }],
    ['a batch of a group that is paused, by whatever', { batches: [batch], held: true }],
    ['a group whose client, claims and batches have ended or not begun', {}],
  ])('%s is never reported', (_, change) => {
    expect(stalledAfter(day, change)).toEqual([])
  })

  it('a batch that waits and retries makes progress', () => {
    let now = 0
    const watch = createStallDetector({ clock: { now: () => now, monotonic: () => now }, graceMs: 300_000 })
    for (let moves = 0; moves < 1_000; moves++) {
      now += 5_000
      expect(watch.check(signsOf({ batches: [{ ...batch, steps: moves, waitsFor: 'dead-letter topic: no leader' }] }))).toEqual([])
    }
  })

  it('a client waits for the batch it has delivered, which is watched instead', () => {
    expect(signsOf({ batches: [{ ...batch, waitsFor: 'x' }], beats: 5 }).map(({ what, suppressedBy: excuse }) => [what, excuse])).toEqual([
      ['batch of partition 3', null],
      ['Kafka client', 'a batch is in flight'],
      ['membership of the group', null],
    ])
  })

  it('a database outage suppresses neither the client nor the probe itself', () => {
    const change: Change = { beats: 5, tasks: [{ task: DATABASE_PROBE, runs: 3, withinMs: 6_000 }], databaseOutage: 'refused' }
    expect(stalledAfter(430, change)).toEqual([DATABASE_PROBE, 'Kafka client'])
  })
})
