import type { ChannelName } from '../../delivery/intent.ts'
import type { Sql } from '../../std/sql.ts'

/** True of parked rows, in the words of the index `intents_parked`: the planner uses it for no others. */
export const isParked = `state = 'pending' AND reason IN ('endpoint-busy', 'endpoint-open')`

/** One probe of `intents_parked` per destination, however many rows each has. */
export async function parkedDestinations(
  sql: Sql,
  group: string,
  channel: ChannelName,
  after: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await sql.query<{ destination: string }>(
    `WITH RECURSIVE ${each('$1', '$2', '$3')} SELECT destination FROM each WHERE destination IS NOT NULL LIMIT $4`,
    [group, channel, after, limit],
  )
  return rows.map(({ destination }) => destination)
}

/** Nearly always a count of `limit` rows that ends early: only when all together are more is each looked at. */
export async function backlogged(sql: Sql, group: string, limit: number): Promise<string | null> {
  const [row] = await sql.query<{ destination: string }>(
    `WITH RECURSIVE ${each('$1', `'webhook'`, `''`)}
     SELECT destination FROM each
      WHERE destination IS NOT NULL
        AND (SELECT count(*) FROM (${parkedIn} LIMIT $2 + 1) AS rows) > $2
        AND (SELECT count(*) FROM (${parkedIn} AND i.destination = each.destination AND i.attempt = 0 LIMIT $2 + 1) AS rows) > $2
      LIMIT 1`,
    [group, limit],
  )
  return row?.destination ?? null
}

const parkedIn = `SELECT FROM worker.intents AS i WHERE i.group_name = $1 AND i.channel = 'webhook' AND ${isParked}`

/** Recursive table `each (destination)` of the destinations behind `after`, in order; it ends with a null. */
function each(group: string, channel: string, after: string): string {
  const next = (behind: string) => `
    SELECT i.destination FROM worker.intents AS i
     WHERE i.group_name = ${group} AND i.channel = ${channel} AND ${isParked} AND i.destination > ${behind}
     ORDER BY i.destination LIMIT 1`
  return `each (destination) AS (
    (${next(after)})
    UNION ALL
    SELECT (${next('each.destination')}) FROM each WHERE each.destination IS NOT NULL
  )`
}
