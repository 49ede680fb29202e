import PQueue from 'p-queue'
import type { AcceptResult, HandOver } from '../worker/accept-store.ts'
import { SqlError } from '../std/sql.ts'
import { describeFault } from '../worker/whose-fault.ts'
import { executeIntent, type Executor } from './execute-intent.ts'
import type { ChannelName, Intent } from './intent.ts'
import type { ClaimRequest } from './intent-store.ts'

export interface IntentWorkersSettings {
  readonly group: string
  readonly executor: Executor
  readonly poolSize: number
  /** This process's name on its claims: unique for as long as any claim of it may live. */
  readonly owner: string
  /** The longest that idle workers wait before they look for work that became due, or was written elsewhere. */
  readonly pollMs: number
}

export interface RunningIntent {
  readonly intentId: string
  readonly channel: string
  readonly kind: string
  /** Milliseconds since 1970. */
  readonly since: number
}

/**
 * The workers of one group: `poolSize` intents at a time, claimed from the database; half as many again are claimed ahead, so
 * that no worker waits for a query. An intent that was just accepted is taken from memory instead, one per free worker, and
 * only while the last claim came back short: as long as older work waits, it goes first. A worker is free again when the
 * other side has answered; writing that down goes on beside the next intent.
 */
export interface IntentWorkers {
  start(): void
  /** For the accept path: free workers may be handed intents by the insert that writes them. */
  reserve(): { readonly handOver: HandOver | null; taken(result: AcceptResult | null): void }
  running(): readonly RunningIntent[]
  /** Counts the turns of the loop that claims; null while it is not to run. Busy, closed or quiet, it turns at least every `pollMs`. */
  turns(): number | null
  /** Claims no more, and is handed nothing, until it is told otherwise; what is claimed goes on. */
  quiet(on: boolean): void
  /** Claims no more, gives back what has not begun, and resolves when the last running intent has ended. Idempotent. */
  stop(): Promise<void>
  /** Time is up: running sends are cut off and recorded as far as they can be. */
  abort(): void
}

/** While live work never runs out, one claim in ten of a channel begins with broadcasts and one in forty with replays. */
function firstClass(claims: number): ClaimRequest['first'] {
  if (claims % 40 === 0) return 'replay'
  return claims % 10 === 0 ? 'broadcast' : 'live'
}

export function createIntentWorkers(settings: IntentWorkersSettings): IntentWorkers {
  const { group, executor, poolSize, owner } = settings
  const { store, kinds, channels, clock, observe } = executor
  const queue = new PQueue({ concurrency: poolSize })
  const running = new Map<string, RunningIntent>()
  const waiting = new Map<string, Intent>()
  const recording = new Set<Promise<void>>()
  const closedUntil = new Map<ChannelName, number>()
  const down = new Set<ChannelName>()
  const cut = new AbortController()
  const claims = new Map<ChannelName, number>()
  let reserved = 0
  let rounds = 0
  let claimedShort = false
  let turns = 0
  let isQuiet = false
  let stopping = false
  let wake: (() => void) | null = null
  /** Work was told of while the loop was asking for work: it asks once more before it sleeps. */
  let toldMeanwhile = false
  let unreserved: (() => void) | null = null
  let loop: Promise<void> | null = null
  let stopped: Promise<void> | null = null

  // Told after the place is free; when the last claim came back short there is nothing to fill it with.
  queue.addEventListener('next', () => {
    if (!claimedShort) notify()
  })

  const ahead = Math.floor(poolSize / 2)
  /** Intents that may still be claimed; of them `ahead` wait for a worker. */
  const room = () => poolSize + ahead - queue.pending - queue.size - reserved
  const leaseMs = (channel: ChannelName) => channels[channel].deadlineMs * 2

  async function run(): Promise<void> {
    while (!stopping) {
      turns += 1
      const worthAQuery = Math.max(1, Math.floor(ahead / 2))
      if (isQuiet || room() < worthAQuery || (await claimOnce())) await woken(settings.pollMs)
    }
  }

  /** Claims for every free worker; true when nothing more is due than was claimed. */
  async function claimOnce(): Promise<boolean> {
    let short = true
    // Each round begins with another channel: one whose work never runs out takes all the room whenever it comes first.
    const turn = rounds++ % kinds.channels.length
    for (const channel of [...kinds.channels.slice(turn), ...kinds.channels.slice(0, turn)]) {
      const limit = room()
      if (limit <= 0 || isQuiet) break
      turns += 1
      if ((closedUntil.get(channel) ?? 0) > clock.now()) continue
      try {
        const first = nextFirst(channel)
        const intents = await store.claim({ group, channel, kinds: kinds.known(channel), owner, limit, leaseMs: leaseMs(channel), first })
        if (intents.length > 0) observe({ is: 'claimed', group, channel, count: intents.length })
        if (intents.length === limit) short = false
        for (const intent of intents) take(intent)
      } catch {
        // The database is away or too slow, which its probe reports; the next look is the retry.
        short = true
      }
    }
    claimedShort = short
    return short
  }

  /** Counted by channel: with one count for two that take turns, every tenth claim would always be the same one's. */
  function nextFirst(channel: ChannelName): ClaimRequest['first'] {
    const count = (claims.get(channel) ?? 0) + 1
    claims.set(channel, count)
    return firstClass(count)
  }

  function take(intent: Intent): void {
    waiting.set(intent.id, intent)
    void queue.add(() => work(intent))
  }

  async function work(intent: Intent): Promise<void> {
    waiting.delete(intent.id)
    running.set(intent.id, { intentId: intent.id, channel: intent.channel, kind: intent.kind, since: clock.now() })
    try {
      const executed = await executeIntent(executor, intent, cut.signal)
      if (executed.is === 'unavailable') await close(intent, executed.reason, executed.retryAfterMs)
      if (executed.is === 'done' && executed.recorded !== undefined) {
        open(intent.channel)
        await record(intent, executed.recorded)
      }
    } catch (error) {
      failed(intent, error)
    } finally {
      running.delete(intent.id)
      // A step may have written a page of mails, and be due again itself: more than was claimed, which no poll should wait for.
      if (intent.channel === 'broadcast') claimedShort = false
    }
  }

  /** Waits only when more ends are being written than there are workers: the database is slow then, and they would pile up. */
  async function record(intent: Intent, recorded: Promise<void>): Promise<void> {
    const tracked = recorded.catch((error: unknown) => failed(intent, error)).finally(() => recording.delete(tracked))
    recording.add(tracked)
    if (recording.size > poolSize) await Promise.race(recording)
  }

  /** Whatever was started is recorded in its row; the lease decides who goes on with it, and when. */
  function failed({ id, channel }: Intent, error: unknown): void {
    const cause = error instanceof SqlError ? `database: ${describeFault(error)}` : describeFault(error)
    observe({ is: 'execution-failed', group, channel, intentId: id, cause })
  }

  async function close(intent: Intent, reason: string, retryAfterMs: number): Promise<void> {
    closedUntil.set(intent.channel, clock.now() + retryAfterMs)
    if (!down.has(intent.channel) && !stopping) {
      down.add(intent.channel)
      observe({ is: 'dependency', name: 'relay', state: 'down', cause: reason })
    }
    await store.release([intent.claim])
  }

  function open(channel: ChannelName): void {
    closedUntil.delete(channel)
    if (down.delete(channel)) observe({ is: 'dependency', name: 'relay', state: 'up', cause: null })
  }

  function reserve(): ReturnType<IntentWorkers['reserve']> {
    const channel = kinds.channels[0]
    const count =
      channel === undefined || stopping || isQuiet || !claimedShort || (closedUntil.get(channel) ?? 0) > clock.now()
        ? 0
        : Math.max(0, room() - ahead)
    reserved += count
    return {
      handOver: channel === undefined || count === 0 ? null : { owner, slots: [{ channel, count, leaseMs: leaseMs(channel) }] },
      taken(result) {
        reserved -= count
        if (result?.is === 'accepted') {
          for (const intent of result.handedOver) take(intent)
          if (result.intents > result.handedOver.length) notify()
        }
        if (reserved === 0) unreserved?.()
      },
    }
  }

  function woken(ms: number): Promise<void> {
    if (toldMeanwhile) {
      toldMeanwhile = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        wake = null
        resolve()
      }
      const timer = setTimeout(done, ms)
      wake = done
    })
  }

  function notify(): void {
    if (wake === null) toldMeanwhile = true
    else wake()
  }

  return {
    start() {
      loop ??= run()
    },
    reserve,
    running: () => [...running.values()],
    turns: () => (loop === null || stopping ? null : turns),
    quiet(on) {
      isQuiet = on
      if (!on) notify()
    },
    stop() {
      stopped ??= (async () => {
        stopping = true
        notify()
        await loop
        // An accept under way may still hand over what it writes.
        if (reserved > 0) await new Promise<void>((resolve) => (unreserved = resolve))
        queue.clear()
        // Not given back for lack of a database: their leases give them back later.
        await store.release([...waiting.values()].map((intent) => intent.claim)).catch(() => undefined)
        await queue.onIdle()
        await Promise.all(recording)
      })()
      return stopped
    },
    abort: () => cut.abort(),
  }
}
