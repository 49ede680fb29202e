import type { Config } from '../../../config/load.ts'
import { createConnectGate, openDatabase } from '../../infra/postgres/client/postgres-database.ts'
import type { Database } from '../../std/sql.ts'

/** The pools of one process. */
export interface Pools {
  /** For accepting events: delivery cannot block a partition. */
  readonly accept: Database
  readonly delivery: Database
  /** For readiness: never queued behind work or a scrape. */
  readonly watch: Database
  /** One connection for counts of metrics, so that a locked table blocks the count only; its name says whether the process is quiet. */
  readonly metrics: Database
  /** One connection, which the relay of the outbox keeps: its session holds the locks of the shards. */
  readonly outbox: Database
}

/** Statement timeout for readiness; milliseconds. */
const WATCH_STATEMENT_MS = 5_000
/** Statement timeout for a scrape, in milliseconds: well below the usual scrape interval of 15 s. */
const METRICS_STATEMENT_MS = 5_000

/** Opens the pools; connections are made on demand. `waited` is called with how long each caller waited for a connection, in milliseconds. */
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
    outbox: pool('outbox', 1, statementTimeoutMs),
  }
}
