import type { Sql } from '../std/sql.ts'
import { OUTBOX_SHARDS } from './outbox-session.ts'
import { unpublished } from './postgres-outbox-session.ts'

export interface OutboxCounts {
  /** Rows to be published, and failed ones; each up to the limit. */
  readonly due: number
  readonly failed: number
  /** Age of the oldest row that is to be published, in seconds; 0 when there is none. */
  readonly oldestSeconds: number
}

/** For metrics and `/status`; reads no more rows than `limit` of each kind. Throws SqlError. */
export async function countOutbox(sql: Sql, limit: number): Promise<OutboxCounts> {
  const [row] = await sql.query<OutboxCounts>(statement, [limit])
  return row ?? { due: 0, failed: 0, oldestSeconds: 0 }
}

// Positions are taken before a commit: the oldest of a shard is the first within a few rows.
const statement = `
SELECT (SELECT count(*)::int FROM (SELECT FROM worker.outbox WHERE ${unpublished} LIMIT $1) AS due) AS due,
       (SELECT count(*)::int FROM (SELECT FROM worker.outbox WHERE failed_at IS NOT NULL LIMIT $1) AS failed) AS failed,
       (SELECT greatest(0, coalesce(extract(epoch FROM now() - min(first.created_at)), 0))::float8
          FROM generate_series(0, ${OUTBOX_SHARDS - 1}) AS s (shard)
         CROSS JOIN LATERAL (SELECT created_at FROM worker.outbox AS o WHERE o.shard = s.shard AND ${unpublished} ORDER BY o.position LIMIT 1) AS first
       ) AS "oldestSeconds"`
