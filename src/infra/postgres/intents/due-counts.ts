import type { Backlog } from '../../../delivery/intent-store.ts'
import type { Intent } from '../../../model/intent.ts'
import type { ChannelName } from '../../../model/messages.ts'
import type { Sql } from '../../../std/sql.ts'
import { isDeferred } from './deferred.ts'

/**
 * Live work that is due, tried before or not, and mails that wait for their turn under a rate of ours. Neither half looks at anything
 * that it does not count, so it reads `limit` rows at most, however many there are. Along `intents_due` from its newest end: at the
 * other lie the entries of what has ended, for as long as nothing was vacuumed.
 */
export async function countDue(sql: Sql, group: string, channels: readonly ChannelName[], limit: number): Promise<number> {
  return countOf(
    await sql.query<Count>(
      `SELECT count(*)::int AS count FROM (
         SELECT FROM (
           SELECT FROM unnest($3::text[]) AS c (channel)
            CROSS JOIN LATERAL (
              SELECT FROM worker.intents AS i
               WHERE i.group_name = $1 AND i.channel = c.channel AND i.class = 'live' AND i.state IN ('pending', 'ambiguous')
                 AND i.due_at <= now()
               ORDER BY i.due_at DESC
               LIMIT $2) AS due
            LIMIT $2) AS due
         UNION ALL
         SELECT FROM (
           SELECT FROM worker.intents AS i
            WHERE i.group_name = $1 AND ${isThrottled} AND i.due_at > now()
            LIMIT $2) AS throttled
         LIMIT $2) AS counted`,
      [group, limit, channels],
    ),
  )
}

/** Of which intents {@link areDue} answers. */
export interface DueRequest {
  readonly group: string
  readonly channels: readonly ChannelName[]
}

/** For each request whether anything of any class is due: a probe of `intents_due` per channel and class. */
export async function areDue(sql: Sql, requests: readonly DueRequest[]): Promise<readonly boolean[]> {
  const pairs = requests.flatMap(({ group, channels }, index) => channels.map((channel) => ({ index, group, channel })))
  const rows = await sql.query<{ index: number }>(
    `SELECT DISTINCT wanted.index
       FROM unnest($1::int[], $2::text[], $3::text[]) AS wanted (index, group_name, channel)
      CROSS JOIN unnest('{live,broadcast,replay}'::text[]) AS c (class)
      CROSS JOIN LATERAL (
        SELECT FROM worker.intents AS i
         WHERE i.group_name = wanted.group_name AND i.channel = wanted.channel AND i.class = c.class
           AND i.state IN ('pending', 'ambiguous') AND i.due_at <= now()
         ORDER BY i.due_at
         LIMIT 1) AS due`,
    [pairs.map(({ index }) => index), pairs.map(({ group }) => group), pairs.map(({ channel }) => channel)],
  )
  const due = new Set(rows.map(({ index }) => index))
  return requests.map((_, index) => due.has(index))
}

/** In the words of the index `intents_throttled`. */
const isThrottled = `i.state = 'pending' AND i.reason IN ('domain-rate', 'relay-rate')`

/** What an intent has written into other channels and is not finished yet: of the same event, and none of it live. */
export async function countUnfinishedOf(
  sql: Sql,
  { eventId, group, channel }: Pick<Intent, 'group' | 'eventId' | 'channel'>,
  limit: number,
): Promise<number> {
  return countOf(
    await sql.query<Count>(
      `SELECT count(*)::int AS count FROM (
         SELECT FROM worker.intents
          WHERE event_id = $1 AND group_name = $2 AND class <> 'live' AND channel <> $4
            AND state IN ('pending', 'claimed', 'handing_over', 'ambiguous')
          LIMIT $3) AS unfinished`,
      [eventId, group, limit, channel],
    ),
  )
}

/** By the database's clock; one probe of `intents_due` per channel. */
export async function oldestDue(
  sql: Sql,
  group: string,
  channels: readonly ChannelName[],
): Promise<readonly { channel: string; ms: number }[]> {
  return sql.query<{ channel: string; ms: number }>(
    `SELECT c.channel, (extract(epoch FROM now() - oldest.due_at) * 1000)::float8 AS ms
       FROM unnest($2::text[]) AS c (channel)
      CROSS JOIN LATERAL (
        SELECT due_at FROM worker.intents AS i
         WHERE i.group_name = $1 AND i.channel = c.channel AND i.class = 'live' AND i.state IN ('pending', 'ambiguous') AND due_at <= now()
         ORDER BY i.due_at
         LIMIT 1) AS oldest`,
    [group, channels],
  )
}

/** Null when nothing of the channel is due. */
export async function oldestDueMs(sql: Sql, group: string, channel: ChannelName): Promise<number | null> {
  const [oldest] = await oldestDue(sql, group, [channel])
  return oldest?.ms ?? null
}

/**
 * Every line counts up to `limit` along an index, and looks at no more than twice as many rows: a backlog is counted at each scrape, and
 * that costs the same at ten million intents as at a hundred thousand. Due ones are counted in the index alone, where ambiguous ones
 * stand among them. `waiting` are those among the first `limit` of each class that are not due; deferred ones come last in that order.
 */
export async function backlog(sql: Sql, group: string, limit: number, channels: readonly ChannelName[]): Promise<readonly Backlog[]> {
  return sql.query<Backlog>(
    `SELECT channel, state, count FROM unnest($3::text[]) AS c (channel)
      CROSS JOIN LATERAL (
        SELECT 'due' AS state, least($2::bigint, greatest(0,
          (SELECT count(*) FROM ${inOrder('i.due_at <= now()', '', '2 * $2::bigint')}) - ${countIn(`i.state = 'ambiguous' AND i.due_at <= now()`)}))::int AS count
        UNION ALL
        SELECT 'waiting', (SELECT least($2::bigint, count(*))::int FROM ${inOrder('i.due_at > now()', 'i.state, i.reason', '$2')}
          WHERE state = 'pending' AND (${isDeferred}) IS NOT TRUE)
        UNION ALL
        SELECT 'deferred', ${countIn(isDeferred)}
        UNION ALL
        SELECT 'ambiguous', ${countIn(`i.state = 'ambiguous'`)}
        UNION ALL
        SELECT 'running', ${countIn(`i.state IN ('claimed', 'handing_over')`)}
        UNION ALL
        SELECT 'held', ${countIn(`i.state = 'held'`)}) AS line
      WHERE count > 0`,
    [group, limit, channels],
  )
}

/** The first rows of each class by their due time: the classes stand before it in `intents_due`, whose rows these are. */
function inOrder(condition: string, columns: string, limit: string): string {
  return `unnest('{live,broadcast,replay}'::text[]) AS k (class) CROSS JOIN LATERAL (
    SELECT ${columns} FROM worker.intents AS i
     WHERE i.group_name = $1 AND i.channel = c.channel AND i.class = k.class AND i.state IN ('pending', 'ambiguous') AND ${condition}
     ORDER BY i.due_at LIMIT ${limit}) AS first`
}

/** For states that have an index of their own. */
function countIn(condition: string): string {
  return `(SELECT count(*)::int FROM (SELECT FROM worker.intents AS i
    WHERE i.group_name = $1 AND i.channel = c.channel AND ${condition} LIMIT $2) AS counted)`
}

interface Count {
  readonly count: number
}

function countOf(rows: readonly Count[]): number {
  return rows[0]?.count ?? 0
}
