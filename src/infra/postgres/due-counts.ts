import type { ChannelName } from '../../delivery/intent.ts'
import type { Sql } from '../../std/sql.ts'

/** Due, live, and neither attempted nor waiting: the work that fetching more would add to. */
export async function countDue(sql: Sql, group: string, limit: number): Promise<number> {
  return countOf(
    await sql.query<Count>(
      `SELECT count(*)::int AS count FROM (
         SELECT FROM worker.intents
          WHERE group_name = $1 AND channel IN ('email', 'webhook', 'leaderboard', 'broadcast') AND class = 'live'
            AND state IN ('pending', 'ambiguous') AND due_at <= now() AND attempt = 0 AND waiting_since IS NULL
          LIMIT $2) AS due`,
      [group, limit],
    ),
  )
}

/** What a broadcast has written and is not finished yet; the broadcast itself is not counted. */
export async function countUnfinishedOf(sql: Sql, eventId: string, group: string, limit: number): Promise<number> {
  return countOf(
    await sql.query<Count>(
      `SELECT count(*)::int AS count FROM (
         SELECT FROM worker.intents
          WHERE event_id = $1 AND group_name = $2 AND class <> 'live' AND channel <> 'broadcast'
            AND state IN ('pending', 'claimed', 'handing_over', 'ambiguous')
          LIMIT $3) AS unfinished`,
      [eventId, group, limit],
    ),
  )
}

/** By the database's clock; one probe of `intents_due` per class. */
export async function nextDueMs(sql: Sql, group: string, channel: ChannelName): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>(
    `SELECT ceil(extract(epoch FROM min(due_at) - now()) * 1000)::float8 AS ms
       FROM unnest('{live,broadcast,replay}'::text[]) AS c (class)
      CROSS JOIN LATERAL (
        SELECT due_at FROM worker.intents AS i
         WHERE i.group_name = $1 AND i.channel = $2 AND i.class = c.class AND i.state IN ('pending', 'ambiguous')
         ORDER BY i.due_at
         LIMIT 1) AS next`,
    [group, channel],
  )
  return row === undefined || row.ms === null ? null : Math.max(0, row.ms)
}

interface Count {
  readonly count: number
}

function countOf(rows: readonly Count[]): number {
  return rows[0]?.count ?? 0
}
