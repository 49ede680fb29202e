import type { Pools } from './compose/pools.ts'
import type { Sql, StatementInFlight } from '../std/sql.ts'
import type { Observe } from '../model/fact.ts'

/** A statement in flight for so long is slow; milliseconds. */
const SLOW_MS = 1_000
/** One cause makes many statements slow, so one is reported per interval; milliseconds. */
const QUIET_MS = 10_000

/** A slow statement in flight, for the log and `/status`. */
export interface SlowStatement {
  readonly pool: string
  readonly statement: string
  readonly forMs: number
  readonly pid: number | null
  /** Backend process ids that block it; null when the server did not return them in time. */
  readonly blockedBy: readonly number[] | null
}

export interface SlowStatements {
  /** Reports the oldest slow statement, if any. Never rejects. */
  check(): Promise<void>
  /** All slow statements, oldest first, with the sessions that block them. */
  list(): Promise<readonly SlowStatement[]>
}

/** @param sql with a short deadline, on another connection; used only when a statement is slow */
export function watchStatements(
  pools: Readonly<Record<keyof Pools, { statementsInFlight(): readonly StatementInFlight[] }>>,
  sql: Sql,
  observe: Observe,
  now: () => number = () => performance.now(),
): SlowStatements {
  const reported = new WeakSet<StatementInFlight>()
  let quietUntil = -Infinity

  function slow(): readonly { readonly pool: string; readonly inFlight: StatementInFlight }[] {
    return Object.entries(pools)
      .flatMap(([pool, database]) => database.statementsInFlight().map((statement) => ({ pool, inFlight: statement })))
      .filter(({ inFlight }) => now() - inFlight.since >= SLOW_MS)
      .sort((a, b) => a.inFlight.since - b.inFlight.since)
  }

  async function blockersOf(pids: readonly (number | null)[]): Promise<ReadonlyMap<number, readonly number[]>> {
    const known = pids.filter((pid) => pid !== null)
    if (known.length === 0) return new Map()
    const rows = await sql
      .query<{ pid: number; blockers: number[] }>(blockersStatement, [known])
      // The slow statement is reported even without its blockers.
      .catch(() => [])
    return new Map(rows.map(({ pid, blockers }) => [pid, blockers]))
  }

  async function described(all: ReturnType<typeof slow>): Promise<readonly SlowStatement[]> {
    const blockers = await blockersOf(all.map(({ inFlight }) => inFlight.pid))
    return all.map(({ pool, inFlight: { statement, pid, since } }) => ({
      pool,
      statement,
      forMs: Math.round(now() - since),
      pid,
      blockedBy: pid === null ? null : (blockers.get(pid) ?? null),
    }))
  }

  return {
    async check() {
      const all = slow()
      const first = all.find(({ inFlight }) => !reported.has(inFlight))
      if (first === undefined || now() < quietUntil) return
      quietUntil = now() + QUIET_MS
      for (const { inFlight } of all) reported.add(inFlight)
      const [statement] = await described([first])
      if (statement !== undefined) observe({ is: 'slow-statement', ...statement, others: all.length - 1 })
    },
    list: () => described(slow()),
  }
}

const blockersStatement = 'SELECT pid, pg_blocking_pids(pid) AS blockers FROM unnest($1::int[]) AS pid'
