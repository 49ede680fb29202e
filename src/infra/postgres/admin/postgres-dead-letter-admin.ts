import type { DeadLetterAdmin, DeadLetterCount, DeadLetterRecord } from '../../../admin/dead-letters/dead-letter-admin.ts'
import type { Sql } from '../../../std/sql.ts'

/** `worker.dead_letters` for operators. Throws SqlError. */
export function createDeadLetterAdmin(sql: Sql): DeadLetterAdmin {
  return {
    counts: ({ group, reason }) =>
      sql.query<DeadLetterCount>(
        `SELECT group_name AS "group", reason, count(*)::int AS count, min(at) AS first, max(at) AS last
           FROM worker.dead_letters WHERE ${matches} GROUP BY 1, 2 ORDER BY last DESC`,
        [group, reason],
      ),
    records: ({ group, reason }, limit) =>
      sql.query<DeadLetterRecord>(
        `SELECT group_name AS "group", topic, partition, "offset", reason, type, event_id AS "eventId", at
           FROM worker.dead_letters WHERE ${matches} ORDER BY at DESC, partition, "offset" DESC LIMIT $3`,
        [group, reason, limit],
      ),
  }
}

const matches = '($1::text IS NULL OR group_name = $1) AND ($2::text IS NULL OR reason = $2)'
