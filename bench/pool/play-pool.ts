import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { mostPerChannel } from '../../src/delivery/bulkhead.ts'
import type { SinkReport } from '../sinks/main.ts'
import { ours } from '../workers/contenders.ts'
import { playDelivery } from '../workers/play-delivery.ts'
import type { Servers } from '../workers/servers.ts'

export type PoolWork = 'mail' | 'webhook'

/** What a pool of workers does over a link. */
export interface PoolFigures {
  readonly work: PoolWork
  readonly pool: number
  /** Workers that the channel may have. */
  readonly workers: number
  readonly perSecond: number
  /** Deliveries a second if a worker did nothing but wait for its round trips over the link as it was. */
  readonly bound: number
  /** Replies that the sinks sent for each delivery. */
  readonly exchanges: number
  /** What a round trip took, on average. */
  readonly roundTripMs: number
  /** CPU of the worker, of one core. */
  readonly core: number
  /** Of the daemon to the database, at the end. */
  readonly databaseConnections: number
  readonly rssMiB: number | null
}

/**
 * Round trips that a worker waits for on a connection that is kept. A mail, with PIPELINING: MAIL FROM, RCPT TO and DATA together; the body with its
 * final dot. A webhook: the request.
 */
export const roundTrips: Readonly<Record<PoolWork, number>> = { mail: 2, webhook: 1 }

/** The group of the rewards sends mails too, so that webhooks do not get all of its workers. */
export function workersFor(work: PoolWork, pool: number): number {
  return work === 'mail' ? pool : mostPerChannel(pool, 2)
}

/** Deliveries by one daemon with a pool of that size, one endpoint for each tenant, all of them used before. */
export async function playPool(servers: Servers, work: PoolWork, pool: number, count: number): Promise<PoolFigures> {
  const contender = ours({ variables: { KAFKA_WORKER_POOL_SIZE: String(pool) } })
  const tenants = servers.sinks.ports.endpoints.length
  let databaseConnections = 0
  let report: SinkReport | null = null
  const figures = await playDelivery(servers, contender, {
    work: work === 'mail' ? 'mail' : 'webhooks',
    fsync: false,
    count,
    // An endpoint that has not answered yet gets one delivery at a time, by three quarters of the workers.
    warmUp: tenants,
    tenants,
    probe: {
      begin: async () => {},
      end: async (databaseUrl) => {
        databaseConnections = await connectionsTo(databaseUrl)
      },
    },
    onReport: (taken) => (report = taken),
  })
  const { exchanges, roundTripMs } = report ?? fail()
  const workers = workersFor(work, pool)
  return {
    work,
    pool,
    workers,
    perSecond: figures.perSecond ?? Number.NaN,
    bound: (workers * 1_000) / (roundTrips[work] * roundTripMs),
    exchanges: exchanges[work === 'mail' ? 'smtp' : 'http'] / (count + tenants),
    roundTripMs,
    core: (figures.cpuUs * (figures.perSecond ?? Number.NaN)) / 1e6,
    databaseConnections,
    rssMiB: figures.rssMiB,
  }
}

async function connectionsTo(connectionString: string): Promise<number> {
  const database = openDatabase({
    connection: { connectionString },
    max: 1,
    applicationName: 'bench',
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
  })
  try {
    const [row] = await database.sql.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'kafka-worker %'`,
    )
    return row?.count ?? 0
  } finally {
    await database.end()
  }
}

function fail(): never {
  throw new Error('The sinks reported nothing.')
}
