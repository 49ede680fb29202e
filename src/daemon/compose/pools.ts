import type { Config } from '../../../config/load.ts'
import { createConnectGate, openDatabase } from '../../infra/postgres/client/postgres-database.ts'
import type { Database } from '../../std/sql.ts'

/** The pools of one process. */
export interface Pools {
  /** Accepting events: nothing of delivery's can keep a partition waiting. */
  readonly accept: Database
  readonly delivery: Database
  /** Readiness: it does not queue behind the work, nor behind a scrape. */
  readonly watch: Database
  /** Counting for metrics: what a locked table holds up is the count alone. */
  readonly metrics: Database
}

/** The longest that a statement of readiness may take; milliseconds. */
const WATCH_STATEMENT_MS = 5_000
/** The longest that a statement of a scrape may take, in milliseconds: well below the usual 15 s between two. */
const METRICS_STATEMENT_MS = 5_000

/** Nothing is connected before the first statement. `waited` hears how long each caller waited for a connection, in milliseconds. */
export function openPools(config: Config, waited: (pool: string, ms: number) => void): Pools {
  const { connection, poolSize, statementTimeoutMs } = config.database
  const gate = createConnectGate()
  const pool = (name: string, max: number, timeoutMs: number) =>
    openDatabase({
      connection,
      max,
      applicationName: `kafka-worker ${name}`,
      statementTimeoutMs: timeoutMs,
      connectTimeoutMs: 5_000,
      gate,
      onWaited: (ms) => waited(name, ms),
    })
  return {
    accept: pool('accept', config.accept.concurrency * config.kafka.groups.length, statementTimeoutMs),
    delivery: pool('delivery', poolSize, Math.max(statementTimeoutMs, config.leaderboard.deadlineMs)),
    watch: pool('watch', 2, WATCH_STATEMENT_MS),
    metrics: pool('metrics', 1, METRICS_STATEMENT_MS),
  }
}
