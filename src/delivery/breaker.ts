import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, DelegateBackoff, circuitBreaker, handleType, type IBreaker } from 'cockatiel'
import { backoff } from '../std/backoff.ts'
import type { Impression } from './outcome-signal.ts'

/** Pauses that nobody asked for: doubling, the upper half at random. Milliseconds. */
const pause = { baseMs: 5_000, maxMs: 300_000 }
/** However long somebody asks us to stay away, one delivery asks again after this. */
const LONGEST_MS = 3_600_000
const SHORTEST_MS = 100

/**
 * The breaker of one destination: closed, or open until `retryAfterMs` is 0, after which the next impression decides. What is
 * delivered does not pass through it: it is told of the end.
 */
export class Breaker {
  /** By the clock that the library measures with, `Date.now()`, which is monotonic here ({@link measureWithMonotonicTime}). */
  #probeAt = 0
  readonly #policy: ReturnType<typeof circuitBreaker>
  readonly #row: ConsecutiveBreaker
  #atOnce = false
  #heard: Promise<void> = Promise.resolve()

  /** @param failures so many in a row open it. @param changed hears of each change, and why it opened. */
  constructor(failures: number, changed: (change: 'opened' | 'opened again' | 'closed', reason: string | null) => void) {
    const row = (this.#row = new ConsecutiveBreaker(failures))
    const breaker: IBreaker = {
      state: null,
      success: () => row.success(),
      failure: () => row.failure() || this.#atOnce,
    }
    // Pauses that were asked for are kept as asked; only our own grow, until the breaker closes.
    const halfOpenAfter = new DelegateBackoff<{ result: object }, number>(({ result }, grown = 0) => {
      const asked = 'error' in result && result.error instanceof Failed ? result.error.forMs : null
      const delay = asked === null ? backoff(grown + 1, pause) : Math.min(LONGEST_MS, Math.max(SHORTEST_MS, asked))
      this.#probeAt = Date.now() + delay
      return { delay, state: asked === null ? grown + 1 : grown }
    })
    this.#policy = circuitBreaker(handleType(Failed), { breaker, halfOpenAfter })
    let away = false
    this.#policy.onBreak((why) => {
      const reason = 'error' in why && why.error instanceof Failed ? why.error.reason : null
      changed(away ? 'opened again' : 'opened', reason)
      away = true
    })
    this.#policy.onReset(() => {
      away = false
      changed('closed', null)
    })
  }

  get closed(): boolean {
    return this.#policy.state === CircuitState.Closed
  }

  /** How long an open one stays away; 0 when somebody may look. */
  get retryAfterMs(): number {
    return Math.max(0, this.#probeAt - Date.now())
  }

  /** Nothing is held against the destination: forgetting it changes nothing. */
  get spotless(): boolean {
    return this.closed && this.#row.state === 0
  }

  /** One after the other: the library asks whether to open when the moment of the failure has passed. */
  hear(impression: Exclude<Impression, { is: 'none' }>): Promise<void> {
    this.#heard = this.#heard.then(() => this.#hear(impression))
    return this.#heard
  }

  async #hear(impression: Exclude<Impression, { is: 'none' }>): Promise<void> {
    this.#atOnce = impression.is === 'closed'
    const failure = impression.is === 'worked' ? null : new Failed(impression)
    await this.#policy
      .execute(() => {
        if (failure !== null) throw failure
      })
      .catch((error: unknown) => {
        // The library hands back what it was given, or says that the breaker is open: the one who asked knows both.
        if (!(error instanceof Failed) && !(error instanceof BrokenCircuitError)) throw error
      })
  }
}

class Failed extends Error {
  readonly reason: string
  readonly forMs: number | null

  constructor(impression: Extract<Impression, { is: 'failed' | 'closed' }>) {
    super(impression.reason)
    this.reason = impression.reason
    this.forMs = impression.is === 'closed' ? impression.forMs : null
  }
}
