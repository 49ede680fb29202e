import { jitter } from '../std/backoff.ts'
import { DAY_MS } from '../std/day.ts'
import { onlyValue } from '../std/only-value.ts'
import { describeFault, classifyFault } from '../model/fault-policy.ts'
import { Attempt, type RecordedWith, type Executed, type Recording, type OnStage } from './attempt.ts'
import type { NoPermit } from './destinations.ts'
import { Postponed, Refusal, Unavailable, type SendChannel, type Performed, type Slot } from './channel.ts'
import type { Executor } from './executor.ts'
import type { OutcomeSignal } from './outcome-signal.ts'
import type { Frozen, Intent } from '../model/intent.ts'
import type { ChannelName, Messages } from '../model/messages.ts'
import type { Pause } from '../model/pause.ts'
import type { Settlement, StartAnswer, StartDecision, StartWithRequest } from './intent-store.ts'
import type { Composed, IntentKind, Start, Started } from '../model/intent-kind.ts'
import { prepared } from './prepare-intent.ts'
import { retryDelay, type Retry } from './retry-delay.ts'

/**
 * How long a deferred intent waits at most to be claimed by destination; then it is due like any other. Jittered over days, so that what
 * was deferred within a minute does not come due within one. Milliseconds.
 */
const DEFERRED_MS = 3 * DAY_MS

/** Bounds of the delay after a start that failed for a transient reason; it grows with the time that the intent has waited. Milliseconds. */
const FIRST_AGAIN_MS = 1_000
const LAST_AGAIN_MS = 60_000

/** Prepares, acquires a permit and a slot, starts, performs, and records the outcome. */
export async function sendIntent<Channel extends ChannelName>(
  executor: Executor,
  kind: IntentKind<Channel>,
  channel: SendChannel<Messages[Channel]>,
  intent: Intent,
  signal: AbortSignal,
  onStage?: OnStage,
): Promise<Executed> {
  const attempt = new Attempt(executor, intent, onStage)
  const message = await prepared(executor.store, kind, intent, attempt)
  if (message === null) return attempt.executed

  const destination = channel.destinationOf(message)
  const pause = executor.gate?.pauseOf(intent, destination) ?? null
  if (pause !== null) return { is: 'paused', pause }
  const permit = executor.destinations.acquire(channel.name, destination, intent.group)
  if (!('release' in permit)) return withoutPermit(executor, permit, destination, channel.name, attempt)
  let outcomeSignal: OutcomeSignal = { is: 'none' }
  let slot: Slot | null = null
  try {
    attempt.enter('connection')
    slot = await channel.acquire(message, signal)
    // A connection may have been waited for for long: this is the last moment before the attempt.
    const pausedMeanwhile = await pausedSince(executor, intent, destination)
    if (pausedMeanwhile !== null) return { is: 'paused', pause: pausedMeanwhile }
    attempt.enter('start')
    const started = await start(executor, kind, channel, intent, message, slot, attempt, signal)
    if (started === null) return attempt.executed
    permit.begin()
    const sending = slot
    attempt.enter('send', () => sending.stage?.() ?? null)
    const performed = await perform(channel, intent, started, message, slot, signal, attempt.traceparent)
    attempt.performed(performed.is)
    outcomeSignal = performed.outcomeSignal ?? { is: performed.is === 'done' ? 'ok' : 'none' }
    const retryIn = (slowDown?: Retry<unknown>['slowDown']) => delayOf(kind, channel, intent, message, slowDown)
    const settlement = settlementOf(executor, performed, attempt.note, retryIn)
    const also = { record: kind.recordOutcomes, kindRows: kind.kindRows, deliveryLog: channel.deliveryLog, reply: performed.reply }
    return { is: 'done', recording: attempt.settleUntilWritten(settlement, also, channel.deadlineMs * 2, signal) }
  } catch (error) {
    if (slot !== null) throw error
    if (error instanceof Unavailable) {
      if (error.retryAfterMs !== null) outcomeSignal = { is: 'throttled', reason: error.reason, forMs: error.retryAfterMs }
      return { is: 'unavailable', reason: error.reason }
    }
    if (error instanceof Postponed) {
      await attempt.settle({ is: 'later', as: 'waiting', reason: error.reason, afterMs: error.afterMs })
      return attempt.executed
    }
    if (signal.aborted) return { is: 'unavailable', reason: 'stopping' }
    throw error
  } finally {
    // Slot and permit are released before the outcome is written, as the worker is.
    slot?.release()
    permit.release(outcomeSignal)
  }
}

/** The pause that covers the intent by now, though none did when it was claimed. */
async function pausedSince({ gate }: Executor, intent: Intent, destination: string): Promise<Pause | null> {
  if (gate === undefined || gate.isOpen) return null
  await gate.learn([intent])
  return gate.pauseOf(intent, destination)
}

/** An intent stays due where its whole channel waits. Where only its destination does it is deferred, so that no claim of others reads it. */
async function withoutPermit(
  executor: Executor,
  why: NoPermit,
  destination: string,
  channel: ChannelName,
  attempt: Attempt,
): Promise<Executed> {
  const reason = why.is === 'busy' ? 'endpoint-busy' : 'endpoint-open'
  if (!executor.destinations.defers(channel)) return { is: 'unavailable', reason }
  const defer = async (): Promise<Executed> => {
    await attempt.settle({ is: 'deferred', destination, reason, afterMs: jitter(DEFERRED_MS) })
    return attempt.executed.is === 'lost' ? attempt.executed : { is: 'deferred', destination }
  }
  return why.is === 'busy' && why.mayWait > 0 ? { is: 'busy', destination, mayWait: why.mayWait, defer } : defer()
}

/** Returns what was frozen once the start is committed, which alone counts as an attempt; null when the intent was settled instead. */
async function start<Channel extends ChannelName>(
  executor: Executor,
  kind: IntentKind<Channel>,
  channel: SendChannel<Messages[Channel]>,
  intent: Intent,
  message: Messages[Channel],
  slot: Slot,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<Frozen | null> {
  const { store } = executor
  const request = { intent, state: channel.underway, leaseMs: channel.deadlineMs * 2, deliveryLog: channel.deliveryLog }
  const since = executor.clock.monotonic()
  let frozen: Frozen
  try {
    const startedAtOnce = await startedWithKindRows(executor, kind, channel, { ...request, message })
    if (startedAtOnce !== null) frozen = startedAtOnce
    else if (kind.start === undefined) {
      frozen = intent.frozen ?? onlyValue(await channel.freeze([{ intent, message }]))
      channel.begin?.(frozen, slot)
      if (onlyValue(await store.start([{ ...request, frozen }])) === 'lost') return attempt.lost()
    } else {
      const start: Start<Messages[Channel]> = async (starts, tx) => kind.start?.(starts, tx) ?? []
      const decide = decisionOf(start, channel)
      const started = onlyValue(await store.startWith([{ ...request, message }], { kind, decide }))
      if (started.is === 'lost') return attempt.lost()
      if (started.is === 'skip') {
        await attempt.settle({ is: 'final', state: 'skipped', reason: started.reason })
        return null
      }
      frozen = started.frozen
    }
  } catch (error) {
    const also = { record: kind.recordOutcomes, deliveryLog: channel.deliveryLog }
    if (error instanceof Refusal) {
      await attempt.settle({ is: 'final', state: 'rejected', reason: error.reason }, { ...also, reply: { error: error.message } })
      return null
    }
    attempt.executed = { is: 'done', recording: startFailed(error, also) }
    return null
  }
  if (executor.clock.monotonic() - since >= request.leaseMs) {
    // It waited long for room, or for the database: another worker may have the intent by now.
    attempt.executed = { is: 'done', recording: startAgain('uncounted', 'the start took longer than the lease') }
    return null
  }
  attempt.started()
  return frozen

  /**
   * Nothing was sent, even where the connection was lost at COMMIT and the row may say that the intent is in flight. A row that the
   * platform's tables refuse counts as a failed attempt; after a transient fault the intent waits.
   */
  function startFailed(error: unknown, recorded: Pick<RecordedWith, 'record' | 'deliveryLog'>): Recording {
    const fault = describeFault(error)
    if (classifyFault('record', error) === 'transient') return startAgain('waiting', fault)
    const afterMs = delayOf(kind, channel, intent, message)
    return afterMs === null
      ? settle({ is: 'final', state: 'dead', reason: 'start-refused' }, { ...recorded, fault })
      : settle({ is: 'later', as: 'refused', reason: 'start-refused', afterMs }, { ...recorded, fault })
  }

  function startAgain(as: 'waiting' | 'uncounted', fault: string): Recording {
    return settle({ is: 'later', as, reason: 'start-failed', afterMs: againMs(executor, intent) }, { fault })
  }

  function settle(settlement: Settlement, also: RecordedWith): Recording {
    return attempt.settleUntilWritten(settlement, also, request.leaseMs, signal)
  }
}

/** Null where the kind has to decide in a transaction: what is to be sent, or why its rows, or a lost claim, did not let this start. */
async function startedWithKindRows<Channel extends ChannelName>(
  { store }: Executor,
  kind: IntentKind<Channel>,
  channel: SendChannel<Messages[Channel]>,
  { message, ...request }: StartWithRequest<Messages[Channel]>,
): Promise<Frozen | null> {
  const { intent, state, deliveryLog } = request
  // Mails are left out: another statement counts those that are in doubt.
  const { kindRows } = kind
  if (kind.start === undefined || kindRows === undefined || state !== 'claimed' || deliveryLog === null) return null
  const values = kindRows.startValues({ intent, message })
  if (values === null) return null
  const frozen = intent.frozen ?? onlyValue(await channel.freeze([{ intent, message }]))
  return onlyValue(await store.start([{ ...request, frozen, ofKind: { rows: kindRows, values } }])) === 'started' ? frozen : null
}

/**
 * Starts many, and freezes what goes out for the first time.
 *
 * @throws {Refusal} the content of an intent can never be sent. {Error} the kind did not answer once for each intent: a bug of its own.
 */
function decisionOf<Message>(start: Start<Message>, channel: SendChannel<Message>): StartDecision<Message>['decide'] {
  return async (starts, tx) => {
    const answers = await start(starts, tx)
    const frozen = async ({ intent }: Composed<Message>, answer?: Started<Message>): Promise<StartAnswer> => {
      if (answer === undefined) throw new Error(`start gave ${answers.length} answers for ${starts.length} intents`)
      if (answer.is === 'skip') return answer
      return { is: 'go', frozen: intent.frozen ?? onlyValue(await channel.freeze([{ intent, message: answer.message }])) }
    }
    return Promise.all(starts.map((start, index) => frozen(start, answers[index])))
  }
}

function againMs({ clock }: Executor, { reason, waitingSince }: Intent): number {
  const waited = reason === 'start-failed' && waitingSince !== null ? clock.now() - waitingSince.getTime() : 0
  return jitter(Math.min(LAST_AGAIN_MS, Math.max(2 * FIRST_AGAIN_MS, waited / 2)))
}

async function perform<Message>(
  channel: SendChannel<Message>,
  intent: Intent,
  frozen: Frozen,
  message: Message,
  slot: Slot,
  signal: AbortSignal,
  traceparent: string | undefined,
): Promise<Performed> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), channel.deadlineMs)
  try {
    return await channel.perform(intent, frozen, message, slot, AbortSignal.any([signal, deadline.signal]), traceparent)
  } catch (error) {
    // A bug of the channel: whether anything was sent is unknown. A mail is ambiguous then, a webhook is retried.
    const reply = { error: describeFault(error) }
    return channel.underway === 'handing_over'
      ? { is: 'ambiguous', reason: 'channel-error', reply }
      : { is: 'retry', reason: 'channel-error', countsAsAttempt: true, reply }
  } finally {
    clearTimeout(timer)
  }
}

/** Milliseconds until the next attempt after this one, which failed; null when the retries are exhausted. */
function delayOf<Channel extends ChannelName>(
  kind: IntentKind<Channel>,
  channel: SendChannel<Messages[Channel]>,
  intent: Intent,
  message: Messages[Channel],
  slowDown?: Retry<unknown>['slowDown'],
): number | null {
  const maxRetries = channel.maxRetries(message)
  return retryDelay(kind.retry ?? channel.retry, { message, failed: intent.attempt + 1, maxRetries, slowDown })
}

/** @param retryIn the delay by the retry policy; null when the retries are exhausted. */
function settlementOf(
  executor: Executor,
  performed: Performed,
  note: string | null,
  retryIn: (slowDown: Retry<unknown>['slowDown']) => number | null,
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
      if (!performed.countsAsAttempt)
        return { is: 'later', as: 'uncounted', reason: performed.reason, afterMs: performed.afterMs ?? jitter(30_000) }
      const afterMs = retryIn(performed.slowDown)
      if (afterMs === null) return { is: 'final', state: 'dead', reason: performed.reason }
      return { is: 'later', as: 'retry', reason: performed.reason, afterMs }
    }
  }
}
