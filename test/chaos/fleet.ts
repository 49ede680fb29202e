import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../cmd/demo/random.ts'
import type { FaultScene } from '../support/faults/fault-scene.ts'
import type { RecordedDaemon } from '../support/faults/recorded-daemon.ts'
import { pickDeed, type Deed } from './deed.ts'

/** How many run at a time. */
const FEWEST = 2
const MOST = 4
/** Longer than the session timeout of the scene: its partitions have moved when it wakes. Milliseconds. */
const FROZEN_MS = 8_000
/** What its wall clock is set forward or back by: longer than a session, and an hour, as where summer time is taken for the time. */
const CLOCK_STEPS_MS = [-3_600_000, -75_000, 75_000, 3_600_000] as const
/** Between two deeds, at least and at most. Milliseconds. */
const PAUSE_MS = [500, 3_500] as const

export interface FleetCounts {
  starts: number
  kills: number
  freezes: number
  stops: number
  /** The wall clock of one of them was set forward or back; its monotonic clock went on. */
  clockSteps: number
  /** Ended by themselves with a code, as a start does when its servers are away for too long. */
  gaveUp: number
}

/** Daemons that come and go, under a supervisor that keeps two running. */
export interface Fleet extends Disposable {
  readonly counts: Readonly<FleetCounts>
  /** The first ones are ready: every group has begun. */
  begin(): Promise<void>
  /** Kills, stops, freezes and starts them until the signal; resolves when all that was begun is over. */
  comeAndGo(signal: AbortSignal): Promise<void>
  /** Nobody is started any more. */
  [Symbol.dispose](): void
  /** No daemon is left that would end itself, and those that are there are ready. */
  calm(): Promise<void>
}

/** Moments at which a daemon can be told to kill itself: after fetch, after accept, before commit, before and after the network, after the outcome. */
const moments = ['fetched', 'accepted', 'committing', 'started', 'performed', 'settled'] as const

export function createFleet(scene: Pick<FaultScene, 'daemon' | 'fault'>, random: Random): Fleet {
  const counts: FleetCounts = { starts: 0, kills: 0, freezes: 0, stops: 0, clockSteps: 0, gaveUp: 0 }
  const steady = new Set<RecordedDaemon>()
  /** They end themselves when their moment comes. */
  const doomed = new Set<RecordedDaemon>()
  const lives: Promise<void>[] = []
  /** Somebody is at work on it, and knows how it ends. */
  const taken = new Set<RecordedDaemon>()

  function start(moment?: { readonly fact: (typeof moments)[number]; readonly nth: number }): void {
    const daemon = scene.daemon({}, { steppableClock: true, ...(moment === undefined ? {} : { killAt: moment }) })
    const among = moment === undefined ? steady : doomed
    counts.starts += 1
    among.add(daemon)
    lives.push(
      daemon.exited.then((code) => {
        among.delete(daemon)
        if (taken.has(daemon)) return
        counts[code === 'SIGKILL' ? 'kills' : 'gaveUp'] += 1
        supervise()
      }),
    )
  }

  let isOver = false
  const size = () => steady.size + doomed.size
  function supervise(): void {
    while (!isOver && size() < FEWEST) start()
  }

  async function onSome(work: (daemon: RecordedDaemon) => Promise<void>): Promise<void> {
    const free = [...steady, ...doomed].filter((daemon) => !taken.has(daemon))
    if (free.length === 0) return
    const daemon = random.pick(free)
    taken.add(daemon)
    await work(daemon)
    taken.delete(daemon)
    supervise()
  }

  async function kill(daemon: RecordedDaemon): Promise<void> {
    counts.kills += 1
    await scene.fault('a daemon is killed', ['daemon'], async () => {
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
    await scene.fault('a daemon is frozen', ['daemon'], async () => {
      daemon.kill('SIGSTOP')
      await Promise.race([pause(FROZEN_MS), daemon.exited])
      daemon.kill('SIGCONT')
    })
  }

  async function stepClock(daemon: RecordedDaemon): Promise<void> {
    const ms = random.pick(CLOCK_STEPS_MS)
    counts.clockSteps += 1
    await scene.fault(`the wall clock of a daemon is set ${ms < 0 ? 'back' : 'forward'} by ${Math.abs(ms) / 1_000} s`, [], () =>
      daemon.stepClock(ms),
    )
  }

  async function join(moment?: Parameters<typeof start>[0]): Promise<void> {
    if (size() < MOST) start(moment)
  }

  const deeds: readonly Deed[] = [
    { weight: 5, work: () => onSome(kill) },
    { weight: 4, work: () => onSome(stop) },
    { weight: 1, work: () => onSome(freeze) },
    { weight: 2, work: () => onSome(stepClock) },
    { weight: 4, work: () => join() },
    { weight: 6, work: () => join({ fact: random.pick(moments), nth: 1 + random.below(5) }) },
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
    async comeAndGo(signal) {
      const begun: Promise<void>[] = []
      while (!signal.aborted) {
        await pause(PAUSE_MS[0] + random.below(PAUSE_MS[1] - PAUSE_MS[0]), undefined, { signal }).catch(() => undefined)
        if (!signal.aborted) begun.push(pickDeed(deeds, random)())
      }
      await Promise.all(begun)
    },
    async calm() {
      await Promise.all([...doomed].map(stop))
      supervise()
      // One that ends by itself meanwhile has a successor.
      while (!(await allReady(steady))) supervise()
    },
  }
}

async function allReady(daemons: ReadonlySet<RecordedDaemon>): Promise<boolean> {
  const ready = [...daemons].map((daemon) => Promise.race([daemon.ready().then(() => true), daemon.exited.then(() => false)]))
  return (await Promise.all(ready)).every(Boolean)
}
