import { backoff } from '../../../std/backoff.ts'
import type { Trouble } from './relay-trouble.ts'

export interface ReconnectGateOptions {
  readonly baseMs: number
  readonly maxMs: number
  readonly now: () => number
  readonly random: () => number
}

/**
 * Bounds how often connections are tried while they fail. It opens fully when a connection has proved its worth by judging a
 * mail: connecting alone proves nothing about a relay that takes connections and drops them.
 */
export class ReconnectGate {
  failures = 0
  trouble: Trouble | null = null
  /** Since when nothing has gone out, by the clock of `now`; null when nothing is known against the relay any more. */
  awaySince: number | null = null
  readonly #options: ReconnectGateOptions
  #failedAt = -Infinity
  #retryAt = -Infinity
  #opening = false

  constructor(options: ReconnectGateOptions) {
    this.#options = options
  }

  /** Whether another connection may be tried, with `underway` being tried already. */
  open(underway: number): boolean {
    return this.failures === 0 || (underway === 0 && this.retryAfterMs() === 0)
  }

  retryAfterMs(): number {
    return Math.max(0, this.#retryAt - this.#options.now())
  }

  /**
   * @param startedAt of what failed: work that was under way when another failed is part of the same failure.
   * @param opening it failed before there was a connection.
   */
  failed(trouble: Trouble, startedAt: number, opening = false): void {
    const now = this.#options.now()
    if (startedAt < this.#failedAt || now < this.#retryAt) return
    this.trouble = trouble
    this.awaySince ??= now
    this.#opening = opening
    this.failures += 1
    this.#failedAt = now
    this.#retryAt = now + backoff(this.failures, this.#options)
  }

  /** A connection was opened: what had kept others from it is over, though it has proved nothing yet. */
  opened(): void {
    if (this.#opening) this.awaySince = null
  }

  proved(): void {
    this.failures = 0
    this.trouble = null
    this.awaySince = null
    this.#retryAt = -Infinity
  }
}
