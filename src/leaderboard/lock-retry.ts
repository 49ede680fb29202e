import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { SqlError } from '../std/sql.ts'

/** Runs statements of a backfill with pauses and retries, so that the platform is not slowed down. */
export interface LockRetry {
  /**
   * Resolves to the result of the statement, after a pause as long as the statement took; or to null when another session holds a row lock,
   * after a pause with exponential backoff. `again`: the attempt before met a lock, too.
   */
  attempt<T>(statement: (again: boolean) => Promise<T>): Promise<T | null>
  /** Duration of the last successful attempt without its pause; milliseconds. */
  readonly lastMs: number
  /** Every attempt of the last ten seconds or so met a lock. */
  readonly isExhausted: boolean
}

/** The longest pause after a successful attempt; milliseconds. */
const LONGEST_PAUSE_MS = 5_000
const AGAIN_MS = { baseMs: 50, maxMs: 1_000 }
const MAX_TRIES = 12
/** deadlock_detected and lock_not_available: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const retriable = new Set(['40P01', '55P03'])

/** @param onLocked called for each attempt that met a lock */
export function createLockRetry(clock: Clock, onLocked: () => void): LockRetry {
  let tries = 0
  let took = 0
  return {
    get lastMs() {
      return took
    },
    get isExhausted() {
      return tries >= MAX_TRIES
    },
    async attempt(statement) {
      const from = clock.monotonic()
      try {
        const result = await statement(tries > 0)
        took = clock.monotonic() - from
        tries = 0
        await clock.sleep(Math.min(took, LONGEST_PAUSE_MS))
        return result
      } catch (error) {
        if (!(error instanceof SqlError) || !retriable.has(error.state ?? '')) throw error
        onLocked()
        await clock.sleep(backoff(++tries, AGAIN_MS))
        return null
      }
    },
  }
}
