import { backoff } from '../../../std/backoff.ts'
import type { SqlError } from '../../../std/sql.ts'

/** Pauses between connections that fail; milliseconds. Short at most: it is also how much later a server that is back is noticed. */
const pause = { baseMs: 100, maxMs: 1_000 }

/**
 * Bounds how often pools try to connect while they cannot: one attempt per pause, and pauses double, however many callers there are. Who
 * asks in a pause fails at once, for the cause of the last failure. One connection that is made opens it again. An attempt that hangs keeps
 * nobody from the next: the server may be back before its deadline.
 */
export class ConnectGate {
  #trouble: SqlError | null = null
  #failures = 0
  #failedAt = -Infinity
  #retryAt = -Infinity
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Runs `connect`, which needs a new connection. @throws what `connect` throws, or threw when it was tried last. */
  async pass<Connection>(connect: () => Promise<Connection>, errorOf: (thrown: unknown) => SqlError): Promise<Connection> {
    const startedAt = this.#now()
    if (this.#trouble !== null) {
      if (startedAt < this.#retryAt) throw this.#trouble
      this.#retryAt = startedAt + backoff(this.#failures, pause)
    }
    try {
      const connection = await connect()
      this.#trouble = null
      this.#failures = 0
      return connection
    } catch (thrown) {
      const error = errorOf(thrown)
      this.#failed(error, startedAt)
      throw error
    }
  }

  #failed(error: SqlError, startedAt: number): void {
    this.#trouble = error
    // What was under way when another failed is part of the same failure.
    if (startedAt < this.#failedAt) return
    this.#failedAt = this.#now()
    this.#failures += 1
    this.#retryAt = this.#failedAt + backoff(this.#failures, pause)
  }
}
