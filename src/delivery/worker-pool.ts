import type { OpenReservation } from '../model/reservation.ts'
import { SqlError } from '../std/sql.ts'
import { describeFault } from '../model/fault-policy.ts'
import type { Recording, OnStage, Stage } from './attempt.ts'
import { createClaiming } from './claim-loop.ts'
import { executeIntent } from './execute-intent.ts'
import type { Executor } from './executor.ts'
import { LocalQueue, type Ended } from './local-queue.ts'
import { prepareInBlocks } from './prepare-in-blocks.ts'
import { putAside } from './put-aside.ts'
import { createWorkGate } from './work-gate.ts'
import { claimOwner } from '../model/claim-order.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import { coversGroup, type Pause } from '../model/pause.ts'

export interface IntentWorkersSettings {
  readonly group: string
  readonly executor: Executor
  readonly poolSize: number
  /** This process's name on its claims: unique for as long as any claim of it may live. */
  readonly owner: string
  /** The longest that idle workers wait before they look for work that became due, or was written elsewhere. */
  readonly pollMs: number
}

/** The most outcomes that wait for the database beside the running intents. Each is about a kilobyte. */
const MOST_RECORDING = 1_000

/** What has waited for a worker for so long goes back, but for half as many intents as there are workers. Milliseconds. */
const AHEAD_AT_MOST_MS = 1_000

export interface RunningIntent {
  readonly intentId: string
  readonly channel: ChannelName
  readonly kind: string
  /** Milliseconds since 1970. */
  readonly since: number
  readonly stage: Stage
  /** Since when it is in this stage. */
  readonly stageSince: number
  /** At the relay: the reply that is waited for; null elsewhere. */
  readonly waitsFor: string | null
}

/**
 * The workers of one group: `poolSize` intents at a time, claimed from the database; blocks are claimed ahead, so that no worker waits for
 * a query ({@link LocalQueue} says how many, and whose begin first). An intent that was just accepted is taken from memory instead, one
 * per free worker, and only while the last claim came back short: as long as older work waits, it goes first. A worker is free again when
 * the other side has answered; its outcome is recorded beside the next intent.
 *
 * A campaign or account that holds its share is passed over while others have due live intents, and its broadcasts and replays while
 * others have such; where none have, it gets the rest. An intent
 * without a permit of its destination waits for it here, without a worker, or is deferred, and claimed again when there is one; a channel whose only destination is away claims
 * nothing. Of several channels that send something elsewhere none takes more than three quarters of the workers.
 */
export interface IntentWorkers {
  start(): void
  /** Free workers for which an accept may claim what it writes. */
  reserve(): OpenReservation
  running(): readonly RunningIntent[]
  /** Counts the turns of the loop that claims; null while it is not to run. Busy, closed or quiet, it turns at least every `pollMs`. */
  turns(): number | null
  /** `true`: claims no more and takes no reservations, while claimed intents go on; `false`: back to normal. */
  quiet(on: boolean): void
  /**
   * Replaces what operators have paused. Nothing under a pause begins from here on, and no attempt of it is counted; an attempt that has begun
   * is finished. Pauses of other groups are ignored.
   */
  pause(pauses: readonly Pause[]): void
  /** Claims no more, releases what has not begun, and resolves when the last running intent has ended. Idempotent. */
  stop(): Promise<void>
  /** Aborts running sends and records their outcomes as far as possible. */
  abort(): void
}

export function createIntentWorkers(settings: IntentWorkersSettings): IntentWorkers {
  const { group, poolSize } = settings
  const { store, kinds, channels, destinations, clock, observe } = settings.executor
  let claimings = 0
  const nextOwner = () => claimOwner(settings.owner, group, (claimings += 1))
  const queue = new LocalQueue(poolSize, {
    run: work,
    freed: (intent) => {
      if (claiming.worthALook(intent.channel)) notify()
    },
    isFull: (channel, destination, claimed) => destinations.isFull(channel, destination, claimed),
  })
  const gate = createWorkGate(store)
  const executor: Executor = { ...settings.executor, gate, kinds: prepareInBlocks(kinds, { waiting: () => queue.waiting, clock }) }
  const running = new Map<Intent, Omit<RunningIntent, 'waitsFor'> & { readonly waitsFor: () => string | null }>()
  /** Outcomes on their way into the database, and those of them that are tried for the first time. */
  const recording = new Set<Promise<void>>()
  const firstTries = new Set<Promise<void>>()
  /** Claims on their way back, because a pause came after them. */
  const returning = new Set<Promise<void>>()
  const cut = new AbortController()
  let reserved = 0
  let turns = 0
  let isQuiet = false
  let stopping = false
  let wake: (() => void) | null = null
  /** A notification arrived during a claim: the loop claims once more before it sleeps. */
  let isNotified = false
  let unreserved: (() => void) | null = null
  let loop: Promise<void> | null = null
  let stopped: Promise<void> | null = null

  /** Intents of the channel that may still be claimed. */
  const room = (channel: ChannelName) => (isQuiet || gate.isClosed(channel) ? 0 : queue.room(channel) - reserved)
  const freeWorkers = () => (isQuiet ? 0 : poolSize - queue.withoutLine - reserved)
  /** Nothing is claimed before half of those that may wait have begun: a claim takes a block. */
  const isWorthAClaim = (channel: ChannelName) => room(channel) >= Math.max(1, Math.floor(queue.ahead / 2))
  const leaseMs = (channel: ChannelName) => channels[channel].deadlineMs * 2
  const claiming = createClaiming({
    ...executor,
    group,
    nextOwner,
    poolSize,
    queue,
    room,
    isWorthAClaim,
    leaseMs,
    turn: () => (turns += 1),
    gate,
  })

  async function run(): Promise<void> {
    let polledAt = -Infinity
    while (!stopping) {
      turns += 1
      // A permit that another group has released wakes nobody here.
      queue.fill()
      const excess = isQuiet ? [] : takeExcess()
      if (excess.length > 0) await releaseClaims(excess)
      const isPoll = performance.now() - polledAt >= settings.pollMs
      if (isPoll) polledAt = performance.now()
      if (!(await claiming.once(isPoll)) && !(await woken(untilPoll(settings.pollMs)))) polledAt = -Infinity
    }
  }

  /**
   * What free workers may not begin because its campaign has its share: others may have due work for them. Also what waits because the
   * workers have become slow: another process may be quick, and what is newly due need not wait behind it.
   */
  function takeExcess(): readonly Intent[] {
    const blocked = kinds.channels.filter((channel) => !isWorthAClaim(channel)).flatMap((channel) => queue.takeBlocked(channel))
    return [...blocked, ...queue.takeOverdue(AHEAD_AT_MOST_MS, queue.leastAhead)]
  }

  async function releaseClaims(intents: readonly Intent[]): Promise<void> {
    // Without the database they are not released: their leases expire later.
    if (intents.length > 0) await store.release(intents.map((intent) => intent.claim)).catch(() => undefined)
  }

  /** Releases claims beside the loop, which then looks again. */
  function giveBack(intents: readonly Intent[]): void {
    if (intents.length === 0) return
    const back = releaseClaims(intents).then(() => {
      returning.delete(back)
      claiming.moreWritten()
      notify()
    })
    returning.add(back)
  }

  async function work(intent: Intent, waitedMs: number): Promise<Ended> {
    const { id, channel } = intent
    const since = clock.now()
    const enter: OnStage = (stage, waitsFor) =>
      running.set(intent, { intentId: id, channel, kind: intent.kind, since, stage, stageSince: clock.now(), waitsFor })
    enter('prepare', () => null)
    try {
      const pause = gate.pauseOf(intent)
      if (pause !== null) {
        await putAside(store, [{ intent, pause }], clock.now())
        return 'not-done'
      }
      // After a long wait for a worker the lease might end during the wait for a connection: a new claim has a full lease.
      const longestMs = channels[channel].deadlineMs / 2
      if (waitedMs > longestMs) {
        await releaseClaims([intent, ...queue.takeOverdue(longestMs, 0)])
        return 'not-done'
      }
      // The worker no longer works on an outcome that is recorded beside the next intent.
      let executed = await executeIntent(executor, intent, cut.signal, (stage, waitsFor) => {
        if (running.has(intent)) enter(stage, waitsFor)
      })
      if (executed.is === 'busy') {
        if (!stopping && claiming.mayLineUp(intent, executed.destination) && queue.hasPlaceFor(intent, executed)) {
          return { waitsFor: executed.destination }
        }
        executed = stopping ? { is: 'unavailable', reason: 'stopping' } : await executed.defer()
      }
      if (executed.is === 'unavailable') await releaseClaims([intent, ...(claiming.isAway(channel) ? queue.takeOf(channel) : [])])
      if (executed.is === 'paused') await putAside(store, [{ intent, pause: executed.pause }], clock.now())
      if (executed.is === 'deferred') claiming.deferred(intent, executed.destination)
      if (executed.is === 'done' && executed.recording !== undefined) await record(intent, executed.recording)
      return executed.is === 'done' ? 'done' : 'not-done'
    } catch (error) {
      failed(intent, error)
      return 'not-done'
    } finally {
      running.delete(intent)
    }
  }

  /**
   * Waits only when more outcomes are being written than there are workers: the database is slow then, and they would pile up. Outcomes that
   * were refused once, by a lock on a row of the platform's, delay no worker until they are very many.
   */
  async function record(intent: Intent, { tried, written }: Recording): Promise<void> {
    const tracked = written.catch((error: unknown) => failed(intent, error)).finally(() => recording.delete(tracked))
    const first = tried.finally(() => firstTries.delete(first))
    recording.add(tracked)
    firstTries.add(first)
    if (firstTries.size > poolSize) await Promise.race(firstTries)
    if (recording.size > MOST_RECORDING) await Promise.race(recording)
  }

  /** A start is recorded in its row; the lease decides when the intent is claimed again. */
  function failed({ id, channel }: Intent, error: unknown): void {
    const cause = error instanceof SqlError ? `database: ${describeFault(error)}` : describeFault(error)
    observe({ is: 'execution-failed', group, channel, intentId: id, cause })
  }

  function reserve(): OpenReservation {
    const channel = kinds.channels[0]
    // An accept does not know what is paused: its intents are claimed from the database then.
    const count =
      channel === undefined || stopping || !gate.isOpen ? 0 : Math.max(0, Math.min(freeWorkers(), claiming.mayOvertake(channel)))
    reserved += count
    const free = channel && { channel, count, leaseMs: leaseMs(channel), share: queue.share, held: queue.perCampaign() }
    return {
      reservation: free === undefined || count === 0 ? null : { owner: nextOwner(), workers: [free] },
      release(written) {
        reserved -= count
        if (written !== null) {
          if (gate.isOpen) queue.add(written.claimed)
          else giveBack(written.claimed)
          if (written.intents > written.claimed.length) claiming.moreWritten()
        }
        // The reservation may have left no room for a claim.
        if (claiming.someLeft()) notify()
        if (reserved === 0) unreserved?.()
      },
    }
  }

  /** False when nobody woke the loop in that time. */
  function woken(ms: number): Promise<boolean> {
    if (isNotified) {
      isNotified = false
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const done = (isWoken: boolean) => {
        clearTimeout(timer)
        wake = null
        resolve(isWoken)
      }
      const timer = setTimeout(() => done(false), ms)
      wake = () => done(true)
    })
  }

  function notify(): void {
    if (wake === null) isNotified = true
    else wake()
  }

  return {
    start() {
      loop ??= run()
    },
    reserve,
    running: () => [...running.values()].map((intent) => ({ ...intent, waitsFor: intent.waitsFor() })),
    turns: () => (loop === null || stopping ? null : turns),
    quiet(on) {
      isQuiet = on
      if (on) return
      claiming.moreWritten()
      notify()
    },
    pause(pauses) {
      const change = gate.set(pauses.filter((pause) => coversGroup(pause, group)))
      if (change === 'same') return
      // Intents in memory were claimed before: the next claim finds out whether a new pause covers them.
      if (change === 'more') giveBack(queue.clear())
      claiming.moreWritten()
      notify()
    },
    stop() {
      stopped ??= (async () => {
        stopping = true
        notify()
        await loop
        // An accept in flight may still add the intents that it writes.
        if (reserved > 0) await new Promise<void>((resolve) => (unreserved = resolve))
        await releaseClaims(queue.clear())
        await queue.idle()
        await Promise.all([...recording, ...returning])
      })()
      return stopped
    },
    abort: () => cut.abort(),
  }
}

/**
 * The polls of all groups of a process fall on the same instants, so that idle groups share a due check. At most a millisecond more than
 * `pollMs`.
 */
function untilPoll(pollMs: number): number {
  // A timer may fire a fraction of a millisecond early: without the millisecond a poll would be followed by another.
  return pollMs === 0 ? 0 : pollMs - (performance.now() % pollMs) + 1
}
