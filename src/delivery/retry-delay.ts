import { jitter as equalJitter } from '../std/backoff.ts'
import type { RetryPolicy } from '../model/retry-policy.ts'

/** One more attempt at a message, and what limits it besides the policy. */
export interface Retry<Message> {
  readonly message: Message
  /** Attempts that have failed so far, this one included: 1 means the delay before the first retry. */
  readonly failed: number
  /** Retries that the owner of the destination allows, whatever the policy says. */
  readonly maxRetries: number
  /** The pause that the destination requested, in milliseconds; null: without a duration. */
  readonly slowDown?: { readonly forMs: number | null } | undefined
}

/** Milliseconds until the next attempt, by the policy; null when the retries are exhausted. */
export function retryDelay<Message>(
  policy: RetryPolicy<Message>,
  retry: Retry<Message>,
  random: () => number = Math.random,
): number | null {
  const { message, failed, maxRetries, slowDown } = retry
  const delay = failed > maxRetries ? undefined : policy.delays(message)[failed - 1]
  if (delay === undefined) return null
  const spread = policy.jitter === 'equal' ? equalJitter(delay, random) : delay
  if (policy.retryAfter === null || slowDown === undefined) return spread
  const requested = Math.min(policy.retryAfter.maxMs, slowDown.forMs ?? policy.retryAfter.defaultMs)
  // Many intents get the same answer: they come back a little apart, and none before the time.
  return Math.max(spread, requested + equalJitter(requested / 10, random))
}
