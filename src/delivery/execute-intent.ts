import { jitter } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { SqlError, type Sql } from '../std/sql.ts'
import type { Observe } from '../worker/fact.ts'
import { describeFault, whoseFault } from '../worker/whose-fault.ts'
import { Attempt, type AlsoAtEnd, type Executed } from './attempt.ts'
import type { Channels } from './channels.ts'
import { Postponed, Refusal, Unavailable, type HandOverChannel, type Performed, type Slot } from './hand-over-channel.ts'
import type { Frozen, Intent } from './intent.ts'
import type { IntentStore, Settlement, StartRequest } from './intent-store.ts'
import type { IntentKind, Messages, Prepared } from './kind.ts'
import type { KindTable } from './kind-table.ts'
import type { TransactionChannel } from './transaction-channel.ts'

export interface Executor {
  readonly store: IntentStore
  readonly kinds: KindTable
  readonly channels: Channels
  readonly clock: Clock
  readonly observe: Observe
  /** Policy for mails whose fate is unknown: retry once, or hold for the operator. */
  readonly ambiguous: { readonly hold: boolean; readonly retryMs: number }
}

/** How soon an intent whose own code failed is looked at again. */
const BROKEN_RETRY_MS = 60_000

/**
 * One intent, one attempt: prepare, start, perform, record the end. `signal` aborts when the process can wait no longer; what
 * cannot be taken back is recorded all the same. Throws SqlError when the database is away: the lease then runs out.
 */
export async function executeIntent(executor: Executor, intent: Intent, signal: AbortSignal): Promise<Executed> {
  const entry = executor.kinds.of(intent)
  if (entry === null) return unknownKind(executor, intent)
  switch (entry.channel) {
    case 'email':
      return handOver(executor, entry, executor.channels.email, intent, signal)
    case 'webhook':
      return handOver(executor, entry, executor.channels.webhook, intent, signal)
    case 'leaderboard':
      return transact(executor, entry, executor.channels.leaderboard, intent)
    case 'broadcast':
      return transact(executor, entry, executor.channels.broadcast, intent)
  }
}

type Known<Channel extends keyof Messages> = IntentKind<Channel>

async function handOver<Channel extends 'email' | 'webhook'>(
  executor: Executor,
  kind: Known<Channel>,
  channel: HandOverChannel<Messages[Channel]>,
  intent: Intent,
  signal: AbortSignal,
): Promise<Executed> {
  const attempt = new Attempt(executor, intent)
  const message = await prepared(executor, kind, intent, attempt)
  if (message === null) return attempt.executed

  let slot: Slot
  try {
    slot = await channel.acquire(message, signal)
  } catch (error) {
    if (error instanceof Unavailable) return { is: 'unavailable', reason: error.reason, retryAfterMs: error.retryAfterMs }
    if (error instanceof Postponed) {
      await attempt.end({ is: 'later', as: 'waiting', reason: error.reason, afterMs: error.afterMs })
      return attempt.executed
    }
    if (signal.aborted) return { is: 'unavailable', reason: 'stopping', retryAfterMs: 0 }
    throw error
  }
  try {
    const started = await start(executor, kind, channel, intent, message, attempt)
    if (started === null) return attempt.executed
    const performed = await perform(channel, intent, started, message, slot, signal)
    slot.release()
    const schedule = kind.schedule?.(message) ?? channel.schedule
    const settlement = settlementOf(executor, performed, attempt.note, intent.attempt + 1, schedule)
    const books = { ended: endedOf(kind, intent), ledger: channel.ledger, reply: performed.reply }
    return { is: 'done', recorded: attempt.end(settlement, books) }
  } finally {
    slot.release()
  }
}

/** The message to send, or null when the intent was settled without one. */
async function prepared<Channel extends keyof Messages>(
  executor: Executor,
  kind: Known<Channel>,
  intent: Intent,
  attempt: Attempt,
): Promise<Messages[Channel] | null> {
  let answer: Prepared<Messages[Channel]>
  try {
    answer = await kind.prepare(intent, executor.store.read)
  } catch (error) {
    if (whoseFault('prepare', error) === 'system') throw error
    await attempt.end({ is: 'later', as: 'waiting', reason: 'prepare-failed', afterMs: BROKEN_RETRY_MS }, { fault: describeFault(error) })
    return null
  }
  switch (answer.is) {
    case 'message':
      attempt.note = answer.note ?? null
      return answer.message
    case 'skip':
      await attempt.end({ is: 'final', state: 'skipped', reason: answer.reason })
      return null
    case 'dead':
      await attempt.end({ is: 'final', state: 'dead', reason: answer.reason }, { ended: endedOf(kind, intent) })
      return null
    case 'wait':
      await attempt.end({ is: 'later', as: 'waiting', reason: answer.reason, afterMs: answer.afterMs })
      return null
    case 'channel':
      await attempt.end({ is: 'moved', channel: answer.channel })
      return null
  }
}

/** The books of the intent's kind, when it keeps any. */
function endedOf<Channel extends keyof Messages>(kind: Known<Channel>, intent: Intent): AlsoAtEnd['ended'] {
  return kind.ended === undefined ? undefined : async (end, tx) => kind.ended?.(intent, end, tx)
}

/** What was frozen and is now under way, or null when it was settled instead. Only this counts as an attempt. */
async function start<Channel extends 'email' | 'webhook'>(
  executor: Executor,
  kind: Known<Channel>,
  channel: HandOverChannel<Messages[Channel]>,
  intent: Intent,
  message: Messages[Channel],
  attempt: Attempt,
): Promise<Frozen | null> {
  const request: StartRequest = { intent, state: channel.underway, leaseMs: channel.deadlineMs * 2, ledger: channel.ledger }
  let frozen: Frozen | null = intent.frozen
  let refusal: string | null = null
  try {
    if (kind.start === undefined) {
      frozen ??= await channel.freeze(intent, message)
      if ((await executor.store.start(request, frozen)) === 'lost') return attempt.lost()
    } else {
      const outcome = await executor.store.startWith(request, async (tx: Sql) => {
        const answer = (await kind.start?.(intent, message, tx)) ?? { is: 'go', message }
        if (answer.is === 'skip') {
          refusal = answer.reason
          return null
        }
        frozen ??= await channel.freeze(intent, answer.message)
        return frozen
      })
      if (outcome === 'lost') return attempt.lost()
      if (outcome === 'refused') {
        await attempt.end({ is: 'final', state: 'skipped', reason: refusal })
        return null
      }
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    await attempt.end(
      { is: 'final', state: 'rejected', reason: error.reason },
      { ended: endedOf(kind, intent), ledger: channel.ledger, reply: { error: error.message } },
    )
    return null
  }
  attempt.started()
  return frozen
}

async function perform<Message>(
  channel: HandOverChannel<Message>,
  intent: Intent,
  frozen: Frozen,
  message: Message,
  slot: Slot,
  signal: AbortSignal,
): Promise<Performed> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), channel.deadlineMs)
  try {
    return await channel.perform(intent, frozen, message, slot, AbortSignal.any([signal, deadline.signal]))
  } catch (error) {
    // A bug of the channel: whether anything left is unknown, which for a mail is ambiguous and for a webhook one more try.
    const reply = { error: describeFault(error) }
    return channel.underway === 'handing_over'
      ? { is: 'ambiguous', reason: 'channel-error', reply }
      : { is: 'retry', reason: 'channel-error', burnsAttempt: true, reply }
  } finally {
    clearTimeout(timer)
  }
}

function settlementOf(
  executor: Executor,
  performed: Performed,
  note: string | null,
  attempts: number,
  schedule: readonly number[],
): Settlement {
  switch (performed.is) {
    case 'done':
      return { is: 'final', state: performed.state, reason: note }
    case 'rejected':
      return { is: 'final', state: 'rejected', reason: performed.reason }
    case 'dead':
      return { is: 'final', state: 'dead', reason: performed.reason }
    case 'ambiguous':
      return { is: 'ambiguous', reason: performed.reason, afterMs: executor.ambiguous.retryMs, hold: executor.ambiguous.hold }
    case 'retry': {
      if (!performed.burnsAttempt)
        return { is: 'later', as: 'unburned', reason: performed.reason, afterMs: performed.afterMs ?? jitter(30_000) }
      const planned = schedule[attempts - 1]
      if (planned === undefined) return { is: 'final', state: 'dead', reason: performed.reason }
      return { is: 'later', as: 'retry', reason: performed.reason, afterMs: Math.max(performed.afterMs ?? 0, jitter(planned)) }
    }
  }
}

async function transact<Channel extends 'leaderboard' | 'broadcast'>(
  executor: Executor,
  kind: Known<Channel>,
  channel: TransactionChannel<Messages[Channel]>,
  intent: Intent,
): Promise<Executed> {
  const attempt = new Attempt(executor, intent)
  const message = await prepared(executor, kind, intent, attempt)
  if (message === null) return attempt.executed
  attempt.started()
  try {
    const ran = await channel.run(intent, message, executor.store)
    if (ran.is === 'lost') attempt.lost()
    else attempt.settled(ran.outcome, ran.reason)
  } catch (error) {
    // Deadlock, lock or statement timeout: the transaction is gone, the wish stays. A connection that is gone is the caller's.
    if (!(error instanceof SqlError) || error.state === undefined) throw error
    await attempt.end({ is: 'later', as: 'retry', reason: `sqlstate-${error.state}`, afterMs: jitter(1_000) })
  }
  return attempt.executed
}

/** A version that this process does not know was claimed before a deploy went back: left for one that knows it. */
async function unknownKind(executor: Executor, intent: Intent): Promise<Executed> {
  const attempt = new Attempt(executor, intent)
  await attempt.end({ is: 'later', as: 'waiting', reason: 'unknown-kind', afterMs: BROKEN_RETRY_MS })
  return attempt.executed
}
