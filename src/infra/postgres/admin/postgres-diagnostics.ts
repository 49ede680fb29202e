import type { Sql } from '../../../std/sql.ts'
import { endpointOrigins } from '../intents/postgres-breaker-store.ts'

/** Counts and settings for a diagnostic file: names and numbers, never a value of a person or an event. */
export interface Diagnostics {
  intents(): Promise<readonly object[]>
  deadLetters(): Promise<readonly object[]>
  /** Of a webhook the origin of its URL only: scheme, host and port. */
  breakers(): Promise<readonly object[]>
  progress(): Promise<readonly object[]>
  settings(): Promise<Readonly<Record<string, string>>>
  /** Estimated rows and bytes, with indexes, of our own tables. */
  tables(): Promise<readonly object[]>
}

/** Breakers in the file at most. */
const MOST_BREAKERS = 100

/** Settings that decide about durability, memory, timeouts and upkeep. */
const settings = [
  'server_version',
  'max_connections',
  'shared_buffers',
  'work_mem',
  'maintenance_work_mem',
  'effective_cache_size',
  'random_page_cost',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_level',
  'max_wal_size',
  'checkpoint_timeout',
  'autovacuum',
  'autovacuum_max_workers',
  'autovacuum_naptime',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'max_prepared_transactions',
  'track_io_timing',
]

/** @throws {SqlError} */
export function createDiagnostics(sql: Sql): Diagnostics {
  return {
    intents: () =>
      sql.query(
        `SELECT group_name AS "group", channel, state, reason, count(*)::int AS count, min(created_at) AS oldest
           FROM worker.intents GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
      ),
    deadLetters: () =>
      sql.query(
        `SELECT group_name AS "group", topic, reason, count(*)::int AS count, min(at) AS first, max(at) AS last
           FROM worker.dead_letters GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
      ),
    async breakers() {
      const rows = await sql.query<{ channel: string; destination: string; reason: string | null; openSince: Date; failedAt: Date }>(
        `SELECT channel, destination, reason, open_since AS "openSince", failed_at AS "failedAt"
           FROM worker.breakers ORDER BY failed_at DESC LIMIT ${MOST_BREAKERS}`,
      )
      const origins = await endpointOrigins(
        sql,
        rows.map(({ destination }) => destination),
      )
      return rows.map(({ destination, ...row }) => ({ ...row, origin: origins.get(destination) ?? null }))
    },
    progress: () =>
      sql.query(
        `SELECT group_name AS "group", topic, partition, next_offset AS next, exempt_below AS "exemptBelow", updated_at AS "updatedAt"
           FROM worker.progress ORDER BY 1, 2, 3`,
      ),
    async settings() {
      const rows = await sql.query<{ name: string; value: string }>(
        `SELECT name, setting || coalesce(unit, '') AS value FROM pg_settings WHERE name = ANY ($1::text[]) ORDER BY 1`,
        [`{${settings.join(',')}}`],
      )
      return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
    },
    tables: () =>
      sql.query(
        `SELECT c.relname AS table, greatest(c.reltuples, 0)::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'worker' AND c.relkind = 'r' ORDER BY 1`,
      ),
  }
}
