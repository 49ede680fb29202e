import type { OutboxReason } from '../model/outbox-reason.ts'
import type { Sql } from '../std/sql.ts'
import { unpublished } from './postgres-outbox-session.ts'

/** Null: of all. */
export interface OutboxFilter {
  readonly topic: string | null
  readonly type: string | null
  readonly reason: string | null
  readonly positions: readonly string[] | null
}

/** Events of one topic and type that are not published: to be published (without a reason), or failed. */
export interface OutboxCount {
  readonly state: 'due' | 'failed'
  readonly topic: string
  readonly type: string
  readonly reason: OutboxReason | null
  readonly count: number
  /** When they were written. */
  readonly first: Date
  readonly last: Date
}

/** An event that is not published until it is requeued. */
export interface FailedEvent {
  readonly position: string
  readonly eventId: string
  readonly topic: string
  readonly type: string
  readonly key: string
  readonly reason: OutboxReason
  readonly error: string
  readonly createdAt: Date
  readonly failedAt: Date
}

/** `worker.outbox` for operators; works while daemons run. Throws SqlError. */
export interface OutboxAdmin {
  /** Of the events that are not published. */
  counts(filter: OutboxFilter): Promise<readonly OutboxCount[]>
  /** Failed ones, those that failed last first. */
  failed(filter: OutboxFilter, limit: number): Promise<readonly FailedEvent[]>
  /** Lets the relay publish failed events again; resolves to how many. */
  requeue(filter: OutboxFilter): Promise<number>
}

export function createOutboxAdmin(sql: Sql): OutboxAdmin {
  return {
    counts: (filter) =>
      sql.query<OutboxCount>(
        `SELECT CASE WHEN failed_at IS NULL THEN 'due' ELSE 'failed' END AS state, topic, type, reason, count(*)::int AS count,
                min(created_at) AS first, max(created_at) AS last
           FROM worker.outbox WHERE ((${unpublished}) OR failed_at IS NOT NULL) AND ${matches}
          GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, count DESC, topic, type`,
        parametersOf(filter),
      ),
    failed: (filter, limit) =>
      sql.query<FailedEvent>(
        `SELECT position, id AS "eventId", topic, type, aggregateid AS key, reason, error, created_at AS "createdAt", failed_at AS "failedAt"
           FROM worker.outbox WHERE failed_at IS NOT NULL AND ${matches} ORDER BY failed_at DESC, position DESC LIMIT $5`,
        [...parametersOf(filter), limit],
      ),
    async requeue(filter) {
      const [row] = await sql.query<{ count: number }>(
        `WITH requeued AS (
           UPDATE worker.outbox SET failed_at = NULL, reason = NULL, error = NULL WHERE failed_at IS NOT NULL AND ${matches} RETURNING 1
         )
         SELECT count(*)::int AS count FROM requeued`,
        parametersOf(filter),
      )
      return row?.count ?? 0
    },
  }
}

const matches = `($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR type = $2) AND ($3::text IS NULL OR reason = $3)
  AND ($4::bigint[] IS NULL OR position = ANY ($4))`

function parametersOf({ topic, type, reason, positions }: OutboxFilter): readonly unknown[] {
  return [topic, type, reason, positions]
}
