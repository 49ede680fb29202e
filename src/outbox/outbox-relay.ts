import type { Observe } from '../model/fact.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import { answerWithin, withinDeadline } from '../std/within-deadline.ts'
import type { OutboxRecord, OutboxSender, SendOutcome } from './outbox-sender.ts'
import { OUTBOX_SHARDS, type OutboxRow, type OutboxSession } from './outbox-session.ts'
import { blockLimits, publishBlock } from './publish-block.ts'

/** How often the shards are divided among the relays; milliseconds. */
const SHARE_MS = 2_000
/** Pauses of a shard whose events Kafka does not take now; milliseconds. */
const TROUBLE = { baseMs: 500, maxMs: 30_000 }
/** A send without an answer for so long is given up, and its events are sent again; milliseconds. */
const SEND_DEADLINE_MS = 60_000
/** The longest that a stop waits for sends in flight; their events are sent again by the next relay. Milliseconds. */
const STOP_MS = 5_000
/** Events that are remembered in each of the two lists; the blocks of all shards are fewer. */
const MOST_REMEMBERED = 10_000

/** What `/status` says of the relay in this process. */
export interface OutboxStatus {
  /** Shards that this process publishes. */
  readonly shards: readonly number[]
  /** Relays of all processes; null while this one has no connection of its own. */
  readonly relays: number | null
  /** Why a shard waits, or the whole relay, by the longest wait; null when none does. */
  readonly waiting: { readonly reason: string; readonly sinceMs: number } | null
}

/** Publishes the outbox. */
export interface OutboxRelay {
  /** One look at the outbox, to be called all the time: takes its share of the shards, and publishes what is due in the background. Throws SqlError. */
  turn(): Promise<void>
  /** Gives its shards to other processes until it is switched off again. */
  quiet(on: boolean): void
  status(): OutboxStatus
  /** Finishes the blocks in flight, within seconds, and gives its shards up. Idempotent. */
  stop(): Promise<void>
}

interface Shard {
  readonly number: number
  /** Publishing it; null while nothing is due. */
  draining: Promise<void> | null
  /** Another relay is to have it. */
  leaving: boolean
}

interface Trouble {
  readonly attempts: number
  readonly reason: string
  /** By the monotonic clock, as `until`. */
  readonly since: number
  readonly until: number
}

/** One connection, with the shards whose locks it holds. */
interface Tenure {
  readonly session: OutboxSession
  readonly shards: Map<number, Shard>
  relays: number
  sharedAt: number
  isLost: boolean
}

export function createOutboxRelay(of: {
  readonly openSession: () => Promise<OutboxSession>
  readonly sender: Pick<OutboxSender, 'send'>
  readonly clock: Clock
  readonly observe: Observe
}): OutboxRelay {
  const { clock, observe } = of
  const troubles = new Map<number, Trouble>()
  /** Events that were sent without a known outcome: to be sent again, and counted as repeats then. */
  const unknown = new Set<string>()
  /** Events that are in the log and not marked yet, since the database did not take the marks: they are only to be marked. */
  const acknowledged = new Map<string, { readonly isRepeat: boolean }>()
  /** Why it has no connection of its own. */
  let broken: Pick<Trouble, 'reason' | 'since'> | null = null
  let tenure: Tenure | null = null
  let isQuiet = false
  let isStopping = false
  let turning: Promise<void> | null = null
  let stopped: Promise<void> | null = null

  async function turn(): Promise<void> {
    if (isStopping || isQuiet) return leave()
    try {
      tenure ??= { session: await of.openSession(), shards: new Map(), relays: 1, sharedAt: -Infinity, isLost: false }
    } catch (error) {
      broken ??= { reason: messageOf(error), since: clock.monotonic() }
      throw error
    }
    const current = tenure
    try {
      await share(current)
      const now = clock.monotonic()
      const free = [...current.shards.values()].filter(
        ({ number, draining, leaving }) => draining === null && !leaving && (troubles.get(number)?.until ?? -Infinity) <= now,
      )
      const due = free.length === 0 ? [] : await current.session.due(free.map(({ number }) => number))
      for (const shard of free) {
        // Another relay has published what it waited for, or an operator has deleted it.
        if (!due.includes(shard.number)) resume(shard.number)
        else shard.draining = drain(current, shard).finally(() => (shard.draining = null))
      }
      broken = null
    } catch (error) {
      broken ??= { reason: messageOf(error), since: clock.monotonic() }
      lose(current)
      throw error
    }
  }

  /** Takes as many shards as this process is to have, and releases the others as soon as no block of theirs is in flight. */
  async function share(current: Tenure): Promise<void> {
    const { session, shards } = current
    for (const shard of shards.values()) {
      if (!shard.leaving || shard.draining !== null) continue
      await session.release(shard.number)
      shards.delete(shard.number)
      report(current)
    }
    if (clock.monotonic() - current.sharedAt < SHARE_MS) return
    current.sharedAt = clock.monotonic()
    current.relays = await session.relays()
    const most = Math.ceil(OUTBOX_SHARDS / current.relays)
    const before = shards.size
    ;[...shards.values()].forEach((shard, index) => (shard.leaving = index >= most))
    for (let number = 0; number < OUTBOX_SHARDS && shards.size < most; number++) {
      if (!shards.has(number) && (await session.take(number))) shards.set(number, { number, draining: null, leaving: false })
    }
    for (const number of troubles.keys()) if (!shards.has(number)) resume(number)
    if (shards.size !== before) report(current)
  }

  function report({ shards, relays }: Tenure): void {
    observe({ is: 'outbox-shards', shards: numbersOf(shards), relays })
  }

  /** Publishes a shard block by block until nothing is left. Never rejects. */
  async function drain(current: Tenure, shard: Shard): Promise<void> {
    const isOurs = () => !current.isLost && !isStopping
    try {
      while (isOurs() && !isQuiet && !shard.leaving && (await publishNext(current, shard, isOurs)));
    } catch (error) {
      // The connection, and with it the lock: another relay may have the shard. The next turn reports a database that is away.
      lose(current)
      if (!isStopping) wait(shard.number, error)
    }
  }

  /** Whether there may be more. */
  async function publishNext({ session }: Tenure, shard: Shard, isOurs: () => boolean): Promise<boolean> {
    const startedAt = clock.monotonic()
    const rows = await session.block(shard.number, blockLimits)
    const unmarked = rows.filter((row) => acknowledged.has(keyOf(row)))
    const wanting = unmarked.length === 0 ? rows : rows.filter((row) => !acknowledged.has(keyOf(row)))
    const { published, repeated, failed, trouble, ...outcome } = await publishBlock(wanting, { send: sendInTime }, isOurs)
    const before = new Set(repeated)
    if (acknowledged.size > MOST_REMEMBERED) acknowledged.clear()
    for (const row of published) acknowledged.set(keyOf(row), { isRepeat: before.has(row) || unknown.has(keyOf(row)) })
    for (const row of [...published, ...failed.map((one) => one.row)]) unknown.delete(keyOf(row))
    if (unknown.size > MOST_REMEMBERED) unknown.clear()
    for (const row of outcome.unknown) unknown.add(keyOf(row))
    if (published.length > 0) observe({ is: 'outbox-sent', shard: shard.number, events: published.length })
    const marked = [...unmarked, ...published]
    await session.settle(marked, failed)
    const repeats = marked.filter((row) => acknowledged.get(keyOf(row))?.isRepeat === true).length
    for (const row of marked) acknowledged.delete(keyOf(row))

    const durationMs = clock.monotonic() - startedAt
    if (marked.length > 0) observe({ is: 'outbox-published', shard: shard.number, events: marked.length, repeats, durationMs })
    for (const { row, reason, error } of failed) {
      const { position, id: eventId, topic, type } = row
      observe({ is: 'outbox-failed', position, eventId, topic, type, reason, error })
    }
    if (trouble !== undefined) wait(shard.number, trouble)
    else resume(shard.number)
    return rows.length > 0 && trouble === undefined
  }

  async function sendInTime(topic: string, records: readonly OutboxRecord[]): Promise<SendOutcome<OutboxRecord>> {
    const late = `Kafka has not answered for ${SEND_DEADLINE_MS / 1_000} s`
    try {
      return await answerWithin(SEND_DEADLINE_MS, of.sender.send(topic, records), late, clock)
    } catch (error) {
      return { acknowledged: [], unknown: records, trouble: error }
    }
  }

  function wait(shard: number, error: unknown): void {
    const before = troubles.get(shard)
    const attempts = (before?.attempts ?? 0) + 1
    const now = clock.monotonic()
    const retryInMs = backoff(attempts, TROUBLE)
    troubles.set(shard, { attempts, reason: messageOf(error), since: before?.since ?? now, until: now + retryInMs })
    observe({ is: 'outbox-waiting', shard, cause: messageOf(error), retryInMs })
  }

  function resume(shard: number): void {
    if (troubles.delete(shard)) observe({ is: 'outbox-resumed', shard })
  }

  /** No block is read or sent any more on this connection. */
  function lose(lost: Tenure): void {
    lost.isLost = true
    void lost.session.close()
    if (tenure === lost) tenure = null
  }

  /** Gives everything up as soon as no block is in flight; until then the next turn tries again. */
  async function leave(): Promise<void> {
    const last = tenure
    if (last === null) return
    for (const shard of last.shards.values()) shard.leaving = true
    if ([...last.shards.values()].some(({ draining }) => draining !== null)) return
    lose(last)
    for (const number of last.shards.keys()) resume(number)
    last.shards.clear()
    report(last)
    await last.session.close()
  }

  async function finish(): Promise<void> {
    // A turn that fails has nothing left to give up.
    await turning?.catch(() => undefined)
    for (const { draining } of tenure?.shards.values() ?? []) await draining
    await leave()
  }

  return {
    turn: () => (turning ??= turn().finally(() => (turning = null))),
    quiet: (on) => void (isQuiet = on),
    status() {
      const longest = [...troubles.values(), ...(broken === null ? [] : [broken])].toSorted((one, other) => one.since - other.since)[0]
      return {
        shards: tenure === null ? [] : numbersOf(tenure.shards),
        relays: tenure?.relays ?? null,
        waiting: longest === undefined ? null : { reason: longest.reason, sinceMs: clock.monotonic() - longest.since },
      }
    },
    stop: () =>
      (stopped ??= (async () => {
        isStopping = true
        await withinDeadline(STOP_MS, finish())
        if (tenure !== null) lose(tenure)
      })()),
  }
}

function numbersOf(shards: ReadonlyMap<number, unknown>): readonly number[] {
  return [...shards.keys()].toSorted((one, other) => one - other)
}

/** Not the position alone: after a restore of the database another event may have it. */
function keyOf({ position, id }: OutboxRow): string {
  return `${position} ${id}`
}
