import { backoff } from './backoff.ts'

export interface FailureGateOptions {
  /** Consecutive failures that trip the gate. Default: 1. */
  readonly threshold?: number
  /** The pause before the next attempt, in milliseconds; it doubles up to `maxMs` with each failure, with equal jitter. */
  readonly baseMs: number
  readonly maxMs: number
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number
  readonly random?: () => number
}

/**
 * Limits the attempts at an operation that keeps failing: a circuit breaker without a timer. `threshold` consecutive failures trip it; from
 * then on there is one attempt after each pause, and pauses double until a success. Callers either run their work through the gate, or
 * report the outcome of each attempt.
 */
export class FailureGate<Cause> {
  /** Consecutive failures that were counted. */
  failures = 0
  /** The cause of the last counted failure; null when there was none since the last success. */
  cause: Cause | null = null
  readonly #options: Required<FailureGateOptions>
  #tripped = false
  /** The gate's own pauses since it tripped, without those that a caller requested. */
  #pauses = 0
  #failedAt = -Infinity
  #retryAt = -Infinity
  /** While an attempt of `run` is in flight: no other starts before this time. */
  #reservedUntil = -Infinity

  constructor(options: FailureGateOptions) {
    this.#options = { threshold: 1, now: () => performance.now(), random: Math.random, ...options }
  }

  get tripped(): boolean {
    return this.#tripped
  }

  /** Milliseconds until the next attempt; 0 when it may start now. */
  get retryAfterMs(): number {
    return Math.max(0, Math.ceil(Math.max(this.#retryAt, this.#reservedUntil) - this.#options.now()))
  }

  /**
   * Counts a failure, unless it belongs to one that was counted: its attempt began before that one, or it falls into the pause.
   *
   * @param of `startedAt`: when the attempt began, by the clock of `now`; by default the current time. `pauseMs` trips the gate regardless of
   * the threshold, for the pause that the other side requested, or for the gate's own pause when it is null.
   */
  failed(cause: Cause, of: { startedAt?: number; pauseMs?: number | null } = {}): Counted {
    const { threshold, now } = this.#options
    const { startedAt = now(), pauseMs } = of
    const failedAt = now()
    if (startedAt < this.#failedAt || failedAt < this.#retryAt) return 'ignored'
    this.#failedAt = failedAt
    this.#reservedUntil = -Infinity
    this.cause = cause
    this.failures += 1
    const hadTripped = this.#tripped
    if (!hadTripped && pauseMs === undefined && this.failures < threshold) return 'counted'
    this.#tripped = true
    this.#retryAt = failedAt + (pauseMs ?? this.#pause(++this.#pauses))
    return hadTripped ? 'tripped again' : 'tripped'
  }

  /** Lets everything through again. @returns whether the gate was tripped. */
  succeeded(): boolean {
    const wasTripped = this.#tripped
    this.#tripped = false
    this.cause = null
    this.failures = this.#pauses = 0
    this.#retryAt = this.#reservedUntil = -Infinity
    return wasTripped
  }

  /**
   * Runs `work` through the gate. While it is tripped, there is one attempt per pause for all callers; the other calls fail at once with the
   * last cause. An attempt that hangs does not prevent the next one.
   *
   * @throws {Cause} what `causeOf` returns for the error of `work`.
   */
  async run<Result>(work: () => Promise<Result>, causeOf: (thrown: unknown) => Cause): Promise<Result> {
    const startedAt = this.#options.now()
    if (this.#tripped) {
      // oxlint-disable-next-line typescript/only-throw-error -- the cause is what `causeOf` returned
      if (this.retryAfterMs > 0) throw this.cause
      this.#reservedUntil = startedAt + this.#pause(this.#pauses)
    }
    try {
      const result = await work()
      this.succeeded()
      return result
    } catch (thrown) {
      const cause = causeOf(thrown)
      this.failed(cause, { startedAt })
      // oxlint-disable-next-line typescript/only-throw-error -- the cause is what `causeOf` returned
      throw cause
    }
  }

  #pause(number: number): number {
    return backoff(number, this.#options)
  }
}

/** `ignored`: part of an earlier failure; `counted`: below the threshold. */
export type Counted = 'ignored' | 'counted' | 'tripped' | 'tripped again'
