import { backoff } from './backoff.ts'

export interface FailureGateOptions {
  /** Failures in a row that trip the gate. Default: 1. */
  readonly threshold?: number
  /** The pause after which one try is made, in milliseconds; it doubles up to `maxMs` with each failure, with equal jitter. */
  readonly baseMs: number
  readonly maxMs: number
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number
  readonly random?: () => number
}

/**
 * Bounds how often something is tried that keeps failing: the states of a circuit breaker, without a timer. `threshold` failures in
 * a row trip it; from then on it is tried after pauses that double, until a success. What passes through is the caller's affair,
 * who reports how each try ended.
 */
export class FailureGate<Cause> {
  /** In a row, as far as they were counted. */
  failures = 0
  /** Of the last failure that was counted; null when none was since the last success. */
  cause: Cause | null = null
  readonly #options: Required<FailureGateOptions>
  #tripped = false
  /** Pauses of our own since it tripped. */
  #pauses = 0
  #failedAt = -Infinity
  #retryAt = -Infinity
  /** A try of `run` is under way: until then no other is made. */
  #reservedUntil = -Infinity

  constructor(options: FailureGateOptions) {
    this.#options = { threshold: 1, now: () => performance.now(), random: Math.random, ...options }
  }

  get tripped(): boolean {
    return this.#tripped
  }

  /** Milliseconds until the next try; 0 when one may be made now. */
  get retryAfterMs(): number {
    return Math.max(0, Math.ceil(Math.max(this.#retryAt, this.#reservedUntil) - this.#options.now()))
  }

  /**
   * Counts a failure, unless it is part of one that was counted: it began before that, or falls into the pause.
   *
   * @param of `startedAt`: when the try began, by the clock of `now`; now, when left out. `pauseMs` trips the gate whatever the
   * threshold: for so long, as the other side asked, or, when null, for the gate's own pause.
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
    const again = this.#tripped
    if (!again && pauseMs === undefined && this.failures < threshold) return 'counted'
    this.#tripped = true
    this.#retryAt = failedAt + (pauseMs ?? this.#pause(++this.#pauses))
    return again ? 'tripped again' : 'tripped'
  }

  /** Lets everything through again. @returns whether the gate was tripped. */
  succeeded(): boolean {
    const was = this.#tripped
    this.#tripped = false
    this.cause = null
    this.failures = this.#pauses = 0
    this.#retryAt = this.#reservedUntil = -Infinity
    return was
  }

  /**
   * Makes a try through the gate. While it is tripped, one try is made per pause, however many callers there are; the others fail at
   * once for the last cause. A try that hangs does not keep the next from being made.
   *
   * @throws {Cause} as `causeOf` makes it of what `work` threw.
   */
  async run<Result>(work: () => Promise<Result>, causeOf: (thrown: unknown) => Cause): Promise<Result> {
    const startedAt = this.#options.now()
    if (this.#tripped) {
      // oxlint-disable-next-line typescript/only-throw-error -- the cause is what `causeOf` made
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
      // oxlint-disable-next-line typescript/only-throw-error -- the cause is what `causeOf` made
      throw cause
    }
  }

  #pause(number: number): number {
    return backoff(number, this.#options)
  }
}

/** `ignored`: part of an earlier failure; `counted`: below the threshold. */
export type Counted = 'ignored' | 'counted' | 'tripped' | 'tripped again'
