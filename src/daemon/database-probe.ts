import { WritesRefused } from '../infra/postgres/client/writable.ts'
import { messageOf, OperatorError } from '../std/failure.ts'
import type { Clock } from '../std/clock.ts'
import type { Sql } from '../std/sql.ts'
import type { Observe } from '../model/fact.ts'

/** Whether the database answers, accepts our statements and still holds the state known to the groups. */
export interface DatabaseProbe {
  /** Probes once; never rejects. */
  probe(): Promise<void>
  /** The database has answered another caller. */
  onAnswered(): void
  /** Null while it answers. */
  outage(): string | null
  /** Why the database refuses work although it answers (read-only, a missing right), with the way out; null when it does not. */
  fault(): string | null
}

/** What is checked. */
export interface DatabaseChecks {
  /** Resolves to the start time of the server when it accepts writes. @throws {WritesRefused} */
  writable(): Promise<string>
  /** @throws {OperatorError} a required right is missing. */
  rights(): Promise<void>
  /**
   * Compares progress, once per server start and after every outage: the database may have been restored to an older state. Retried with
   * the next probe when it rejects.
   */
  recheck(): Promise<unknown>
}

export function createDatabaseProbe(checks: DatabaseChecks, observe: Observe): DatabaseProbe {
  let trouble: string | null = 'not probed yet'
  let fault: string | null = null
  /** Start time of the server that was compared last. */
  let comparedServer: string | null = null

  function update(away: string | null, wrong: string | null): void {
    const before = trouble ?? fault
    const now = away ?? wrong
    // An unreachable database may fail with another message at every probe: reported once. A fault is reported again when its sentence changes.
    if ((before === null) !== (now === null) || (wrong !== null && wrong !== fault))
      observe({ is: 'dependency', name: 'database', state: now === null ? 'up' : 'down', cause: now })
    trouble = away
    fault = wrong
    if (away !== null) comparedServer = null
  }

  return {
    async probe() {
      try {
        const started = await checks.writable()
        await checks.rights()
        update(null, null)
        if (started === comparedServer) return
        await checks.recheck()
        comparedServer = started
      } catch (error) {
        if (error instanceof WritesRefused) comparedServer = null
        if (error instanceof OperatorError) update(null, error.message)
        else update(messageOf(error), null)
      }
    },
    onAnswered: () => update(null, null),
    outage: () => trouble,
    fault: () => fault,
  }
}

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
