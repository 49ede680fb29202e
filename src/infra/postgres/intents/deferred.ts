import type { ChannelName } from '../../../model/messages.ts'
import type { Sql } from '../../../std/sql.ts'

/** True of deferred rows, in the words of the index `intents_parked`: the planner uses it for no others. */
export const isDeferred = `state = 'pending' AND reason IN ('endpoint-busy', 'endpoint-open')`

/** One probe of `intents_parked` per destination, however many rows each has. */
export async function deferredDestinations(
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

/** Recursive table `each (destination)` of the destinations behind `after`, in order; it ends with a null. */
function each(group: string, channel: string, after: string): string {
  const next = (behind: string) => `
    SELECT i.destination FROM worker.intents AS i
     WHERE i.group_name = ${group} AND i.channel = ${channel} AND ${isDeferred} AND i.destination > ${behind}
     ORDER BY i.destination LIMIT 1`
  return `each (destination) AS (
    (${next(after)})
    UNION ALL
    SELECT (${next('each.destination')}) FROM each WHERE each.destination IS NOT NULL
  )`
}
