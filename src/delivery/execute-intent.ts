import { jitter } from '../std/backoff.ts'
import { SqlError } from '../std/sql.ts'
import { Attempt, type Executed, type OnStage } from './attempt.ts'
import type { Channel } from './define-channel.ts'
import type { Executor } from './executor.ts'
import { sendIntent } from './send.ts'
import type { Intent } from '../model/intent.ts'
import type { IntentKind } from '../model/intent-kind.ts'
import type { ChannelName, Messages } from '../model/messages.ts'
import { BROKEN_RETRY_MS, prepared } from './prepare-intent.ts'
import type { TransactionChannel } from './transaction-channel.ts'

/**
 * One attempt at one intent: prepare, start, perform, record the outcome. `signal` aborts when the process cannot wait longer; the outcome of
 * a send that was started is recorded all the same. Throws SqlError when the database is unavailable: the lease then expires.
 */
export async function executeIntent(executor: Executor, intent: Intent, signal: AbortSignal, onStage?: OnStage): Promise<Executed> {
  const entry = executor.kinds.of(intent)
  if (entry === null) return unknownKind(executor, intent)
  return execute(executor, entry, intent, signal, onStage)
}

function execute<Name extends ChannelName>(
  executor: Executor,
  kind: IntentKind<Name>,
  intent: Intent,
  signal: AbortSignal,
  onStage?: OnStage,
): Promise<Executed> {
  const channel: Channel<Messages[Name]> = executor.channels[kind.channel]
  return 'run' in channel
    ? transact(executor, kind, channel, intent, onStage)
    : sendIntent(executor, kind, channel, intent, signal, onStage)
}

async function transact<Name extends ChannelName>(
  executor: Executor,
  kind: IntentKind<Name>,
  channel: TransactionChannel<Messages[Name]>,
  intent: Intent,
  onStage?: OnStage,
): Promise<Executed> {
  const attempt = new Attempt(executor, intent, onStage)
  const message = await prepared(executor.store, kind, intent, attempt)
  if (message === null) return attempt.executed
  const pause = executor.gate?.pauseOf(intent) ?? null
  if (pause !== null) return { is: 'paused', pause }
  attempt.started('run')
  attempt.enter('transaction')
  try {
    const ran = await channel.run(intent, message, executor.store)
    if (ran.is === 'lost') attempt.lost()
    else attempt.settled(ran.outcome, ran.reason)
  } catch (error) {
    // Deadlock, lock or statement timeout: the transaction was rolled back, the intent stays. A lost connection is left to the caller.
    if (!(error instanceof SqlError) || error.state === undefined) throw error
    await attempt.settle({ is: 'later', as: 'retry', reason: `sqlstate-${error.state}`, afterMs: jitter(1_000) })
  }
  return attempt.executed
}

/** A kind or version that this process does not know, as after a rollback of a deploy: left to a process that knows it. */
async function unknownKind(executor: Executor, intent: Intent): Promise<Executed> {
  const attempt = new Attempt(executor, intent)
  await attempt.settle({ is: 'later', as: 'waiting', reason: 'unknown-kind', afterMs: BROKEN_RETRY_MS })
  return attempt.executed
}
