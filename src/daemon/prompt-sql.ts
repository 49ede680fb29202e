import type { Clock } from '../std/clock.ts'
import type { Sql } from '../std/sql.ts'

/**
 * `sql` with a deadline of its own: a server that is frozen still takes connections and statements, and should be told from one
 * that answers sooner than by its slowest rightful statement. The statement itself goes on to its own timeout.
 *
 * @throws {Error} besides what `sql` throws, in our own words, when there is no answer in time
 */
export function promptSql(sql: Sql, deadlineMs: number, clock: Pick<Clock, 'sleep'>): Sql {
  return {
    async query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]> {
      const over = new AbortController()
      const late = clock.sleep(deadlineMs, over.signal).then((): Row[] => {
        if (!over.signal.aborted) throw new Error(`the database has not answered for ${deadlineMs / 1_000} s`)
        return []
      })
      try {
        return await Promise.race([sql.query<Row>(text, parameters), late])
      } finally {
        over.abort()
      }
    },
  }
}
