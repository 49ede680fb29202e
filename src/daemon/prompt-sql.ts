import type { Clock } from '../std/clock.ts'
import type { Sql } from '../std/sql.ts'

/**
 * `sql` with a short deadline. A frozen server still accepts connections and statements, and has to be detected sooner than after the
 * longest legitimate statement. The statement itself continues until its own timeout.
 *
 * @throws {Error} the deadline has passed, besides what `sql` throws
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
