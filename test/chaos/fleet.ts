import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../cmd/demo/random.ts'
import type { FaultFixture } from '../support/faults/fault-fixture.ts'
import type { RecordedDaemon } from '../support/faults/recorded-daemon.ts'
import { pickAction, type WeightedAction } from './weighted-action.ts'

/** How many daemons run at a time. */
const FEWEST = 2
const MOST = 4
/** Longer than the session timeout: the partitions of a frozen daemon have moved when it resumes. Milliseconds. */
const FROZEN_MS = 8_000
/** Steps of the wall clock: longer than a session, and an hour, as by an error with summer time. */
const CLOCK_STEPS_MS = [-3_600_000, -75_000, 75_000, 3_600_000] as const
/** Between two actions, at least and at most. Milliseconds. */
const PAUSE_MS = [500, 3_500] as const

export interface FleetCounts {
  starts: number
  kills: number
  freezes: number
  stops: number
  /** Steps of a daemon's wall clock; its monotonic clock continues. */
  clockSteps: number
  /** Daemons that exited by themselves, as a start does when its servers are away for too long. */
  gaveUp: number
}

/** Daemons that are started and stopped at random, under a supervisor that keeps two running. */
export interface Fleet extends Disposable {
  readonly counts: Readonly<FleetCounts>
  /** Resolves when the first daemons are ready, so that every group has members. */
  begin(): Promise<void>
  /** Kills, stops, freezes and starts daemons until the signal aborts; resolves when every action is over. */
  churn(signal: AbortSignal): Promise<void>
  /** No further daemon is started. */
  [Symbol.dispose](): void
  /** Stops the daemons with failpoints, and waits until the others are ready. */
  stabilize(): Promise<void>
}

/** Where a daemon may kill itself: after fetch, after accept, before commit, before and after the network, after the outcome. */
const failpoints = ['fetched', 'accepted', 'committing', 'started', 'performed', 'settled'] as const

export function createFleet(fixture: Pick<FaultFixture, 'daemon' | 'fault'>, random: Random): Fleet {
  const counts: FleetCounts = { starts: 0, kills: 0, freezes: 0, stops: 0, clockSteps: 0, gaveUp: 0 }
  const steady = new Set<RecordedDaemon>()
  /** Daemons that kill themselves at a failpoint. */
  const failing = new Set<RecordedDaemon>()
  const lives: Promise<void>[] = []
  /** Daemons that an action works on, which handles their exit. */
  const busy = new Set<RecordedDaemon>()

  function start(killAt?: { readonly fact: (typeof failpoints)[number]; readonly nth: number }): void {
    const daemon = fixture.daemon({}, { steppableClock: true, ...(killAt === undefined ? {} : { killAt }) })
    const set = killAt === undefined ? steady : failing
    counts.starts += 1
    set.add(daemon)
    lives.push(
      daemon.exited.then((code) => {
        set.delete(daemon)
        if (busy.has(daemon)) return
        counts[code === 'SIGKILL' ? 'kills' : 'gaveUp'] += 1
        supervise()
      }),
    )
  }

  let isOver = false
  const size = () => steady.size + failing.size
  function supervise(): void {
    while (!isOver && size() < FEWEST) start()
  }

  async function onRandom(work: (daemon: RecordedDaemon) => Promise<void>): Promise<void> {
    const free = [...steady, ...failing].filter((daemon) => !busy.has(daemon))
    if (free.length === 0) return
    const daemon = random.pick(free)
    busy.add(daemon)
    await work(daemon)
    busy.delete(daemon)
    supervise()
  }

  async function kill(daemon: RecordedDaemon): Promise<void> {
    counts.kills += 1
    await fixture.fault('a daemon is killed', ['daemon'], async () => {
      daemon.kill('SIGKILL')
      await daemon.exited
    })
  }

  async function stop(daemon: RecordedDaemon): Promise<void> {
    counts.stops += 1
    daemon.kill('SIGTERM')
    await daemon.exited
  }

  async function freeze(daemon: RecordedDaemon): Promise<void> {
    counts.freezes += 1
    await fixture.fault('a daemon is frozen', ['daemon'], async () => {
      daemon.kill('SIGSTOP')
      await Promise.race([pause(FROZEN_MS), daemon.exited])
      daemon.kill('SIGCONT')
    })
  }

  async function stepClock(daemon: RecordedDaemon): Promise<void> {
    const ms = random.pick(CLOCK_STEPS_MS)
    counts.clockSteps += 1
    await fixture.fault(`the wall clock of a daemon is set ${ms < 0 ? 'back' : 'forward'} by ${Math.abs(ms) / 1_000} s`, [], () =>
      daemon.stepClock(ms),
    )
  }

  async function join(killAt?: Parameters<typeof start>[0]): Promise<void> {
    if (size() < MOST) start(killAt)
  }

  const actions: readonly WeightedAction[] = [
    { weight: 5, work: () => onRandom(kill) },
    { weight: 4, work: () => onRandom(stop) },
    { weight: 1, work: () => onRandom(freeze) },
    { weight: 2, work: () => onRandom(stepClock) },
    { weight: 4, work: () => join() },
    { weight: 6, work: () => join({ fact: random.pick(failpoints), nth: 1 + random.below(5) }) },
  ]

  return {
    counts,
    [Symbol.dispose]() {
      isOver = true
    },
    async begin() {
      supervise()
      await allReady(steady)
    },
    async churn(signal) {
      const begun: Promise<void>[] = []
      while (!signal.aborted) {
        await pause(PAUSE_MS[0] + random.below(PAUSE_MS[1] - PAUSE_MS[0]), undefined, { signal }).catch(() => undefined)
        if (!signal.aborted) begun.push(pickAction(actions, random)())
      }
      await Promise.all(begun)
    },
    async stabilize() {
      await Promise.all([...failing].map(stop))
      supervise()
      // A daemon that exits meanwhile is replaced.
      while (!(await allReady(steady))) supervise()
    },
  }
}

async function allReady(daemons: ReadonlySet<RecordedDaemon>): Promise<boolean> {
  const ready = [...daemons].map((daemon) => Promise.race([daemon.ready().then(() => true), daemon.exited.then(() => false)]))
  return (await Promise.all(ready)).every(Boolean)
}
