/**
 * When a failed attempt is made again. Every channel has a policy (`delivery/email/email-retry-policy.ts` and its like); a kind of
 * intent may name its own.
 */
export interface RetryPolicy<Message = unknown> {
  /**
   * Milliseconds before each retry of this message, first to last and before jitter; the intent is dead when they are exhausted. Null
   * stands for any message: the longest delays that one may get, which documents show and which bound the wait of what was never sent.
   */
  delays(message: Message | null): readonly number[]
  readonly jitter: Jitter
  /** How a request of the destination to slow down is honoured; null: delays count alone. */
  readonly retryAfter: RetryAfter | null
}

/**
 * How a delay is spread, so that what failed together is not tried again together. `equal`: drawn for each attempt from 50 to
 * 100 % of the delay; `none`: the delay itself.
 */
export type Jitter = 'equal' | 'none'

/**
 * A retry waits at least as long as the destination requested, plus up to a tenth of that; the policy's own delay counts where it is
 * longer.
 */
export interface RetryAfter {
  /** For a destination that requests a pause without a duration, in milliseconds. */
  readonly defaultMs: number
  /** The longest pause that a destination may request, in milliseconds; longer ones are cut to it. */
  readonly maxMs: number
}
