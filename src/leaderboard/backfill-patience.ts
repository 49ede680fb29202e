import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { SqlError } from '../std/sql.ts'

/** How a backfill keeps out of the platform's way. */
export interface Patience {
  /**
   * What the statement resolves to, after a pause as long as it took; null when it met a row that somebody else keeps locked, after a
   * pause that grows with each try. `again`: the one before met one, too.
   */
  attempt<T>(statement: (again: boolean) => Promise<T>): Promise<T | null>
  /** That the last attempt took, its pause left out; milliseconds. */
  readonly took: number
  /** Nothing but locks for some ten seconds. */
  readonly isOver: boolean
}

/** No pause after work is longer. */
const LONGEST_PAUSE_MS = 5_000
const AGAIN_MS = { baseMs: 50, maxMs: 1_000 }
const MOST_TRIES = 12
/** deadlock_detected and lock_not_available: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const tryAgain = new Set(['40P01', '55P03'])

/** `locked` hears of each attempt that met a lock. */
export function createPatience(clock: Clock, locked: () => void): Patience {
  let tries = 0
  let took = 0
  return {
    get took() {
      return took
    },
    get isOver() {
      return tries >= MOST_TRIES
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
        if (!(error instanceof SqlError) || !tryAgain.has(error.state ?? '')) throw error
        locked()
        await clock.sleep(backoff(++tries, AGAIN_MS))
        return null
      }
    },
  }
}
