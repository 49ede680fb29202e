import type { Pools } from './compose/pools.ts'
import type { Sql, StatementUnderWay } from '../std/sql.ts'
import type { Observe } from '../model/fact.ts'

/** A statement that the server has not answered for so long is worth naming; milliseconds. */
const SLOW_MS = 1_000
/** One fault makes many statements slow: one is told at a time. Milliseconds. */
const QUIET_MS = 10_000

/** A statement that is waited for, for the log and `/status`. */
export interface SlowStatement {
  readonly pool: string
  readonly statement: string
  readonly forMs: number
  readonly pid: number | null
  /** Sessions that hold what it waits for; null when the server did not say in time. */
  readonly blockedBy: readonly number[] | null
}

export interface SlowStatements {
  /** Tells of the one that is waited for longest, if there is any. Never rejects. */
  look(): Promise<void>
  /** All of them, the oldest first, with who blocks them. */
  list(): Promise<readonly SlowStatement[]>
}

/** @param sql with a deadline of its own, on a connection that the slow ones do not hold; asked only when something is slow */
export function watchStatements(
  pools: Readonly<Record<keyof Pools, { underWay(): readonly StatementUnderWay[] }>>,
  sql: Sql,
  observe: Observe,
  now: () => number = () => performance.now(),
): SlowStatements {
  const told = new WeakSet<StatementUnderWay>()
  let quietUntil = -Infinity

  function slow(): readonly { readonly pool: string; readonly underWay: StatementUnderWay }[] {
    return Object.entries(pools)
      .flatMap(([pool, database]) => database.underWay().map((underWay) => ({ pool, underWay })))
      .filter(({ underWay }) => now() - underWay.since >= SLOW_MS)
      .sort((a, b) => a.underWay.since - b.underWay.since)
  }

  async function blockersOf(pids: readonly (number | null)[]): Promise<ReadonlyMap<number, readonly number[]>> {
    const known = pids.filter((pid) => pid !== null)
    if (known.length === 0) return new Map()
    const rows = await sql
      .query<{ pid: number; blockers: number[] }>(blockersStatement, [known])
      // Not knowing who blocks is no reason not to name what waits.
      .catch(() => [])
    return new Map(rows.map(({ pid, blockers }) => [pid, blockers]))
  }

  async function described(all: ReturnType<typeof slow>): Promise<readonly SlowStatement[]> {
    const blockers = await blockersOf(all.map(({ underWay }) => underWay.pid))
    return all.map(({ pool, underWay: { statement, pid, since } }) => ({
      pool,
      statement,
      forMs: Math.round(now() - since),
      pid,
      blockedBy: pid === null ? null : (blockers.get(pid) ?? null),
    }))
  }

  return {
    async look() {
      const all = slow()
      const first = all.find(({ underWay }) => !told.has(underWay))
      if (first === undefined || now() < quietUntil) return
      quietUntil = now() + QUIET_MS
      for (const { underWay } of all) told.add(underWay)
      const [statement] = await described([first])
      if (statement !== undefined) observe({ is: 'slow-statement', ...statement, others: all.length - 1 })
    },
    list: () => described(slow()),
  }
}

const blockersStatement = 'SELECT pid, pg_blocking_pids(pid) AS blockers FROM unnest($1::int[]) AS pid'
