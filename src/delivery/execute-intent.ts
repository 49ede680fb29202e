import { jitter } from '../std/backoff.ts'
import { SqlError } from '../std/sql.ts'
import { Attempt, type Executed, type OnStage } from './attempt.ts'
import type { Executor } from './executor.ts'
import { handOver } from './send.ts'
import type { Intent } from '../model/intent.ts'
import type { IntentKind, Messages } from '../model/intent-kind.ts'
import { BROKEN_RETRY_MS, prepared } from './prepare-intent.ts'
import type { TransactionChannel } from './transaction-channel.ts'

/**
 * One intent, one attempt: prepare, start, perform, record the end. `signal` aborts when the process can wait no longer; what
 * cannot be taken back is recorded all the same. Throws SqlError when the database is away: the lease then runs out.
 */
export async function executeIntent(executor: Executor, intent: Intent, signal: AbortSignal, onStage?: OnStage): Promise<Executed> {
  const entry = executor.kinds.of(intent)
  if (entry === null) return unknownKind(executor, intent)
  switch (entry.channel) {
    case 'email':
      return handOver(executor, entry, executor.channels.email, intent, signal, onStage)
    case 'webhook':
      return handOver(executor, entry, executor.channels.webhook, intent, signal, onStage)
    case 'leaderboard':
      return transact(executor, entry, executor.channels.leaderboard, intent, onStage)
    case 'broadcast':
      return transact(executor, entry, executor.channels.broadcast, intent, onStage)
  }
}

async function transact<Channel extends 'leaderboard' | 'broadcast'>(
  executor: Executor,
  kind: IntentKind<Channel>,
  channel: TransactionChannel<Messages[Channel]>,
  intent: Intent,
  onStage?: OnStage,
): Promise<Executed> {
  const attempt = new Attempt(executor, intent, onStage)
  const message = await prepared(executor.store, kind, intent, attempt)
  if (message === null) return attempt.executed
  attempt.started()
  attempt.enter('transaction')
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
