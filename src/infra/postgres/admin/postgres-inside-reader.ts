import type {
  AwayDestination,
  BlockedStatement,
  GroupInside,
  InsideParts,
  InsideReader,
  SlowCampaign,
} from '../../../admin/lag/lag-ports.ts'
import type { Sql } from '../../../std/sql.ts'
import { statementName } from '../client/statement-name.ts'
import { isDeferred } from '../intents/deferred.ts'

/** Destinations of a channel, and campaigns, listed at most. */
const MOST_LISTED = 20
/** Intents deferred for one destination, counted at most. */
const MOST_WAITING = 1_000
const MOST_BLOCKED = 20
/** As long as a daemon waits for a lock. */
const HELD_SECONDS = 5
/** Of a lock that also keeps readers waiting, which no daemon takes. */
const HELD_ALONE_SECONDS = 1

/** What waits, and for what, as the tables and sessions of the database show it. Throws SqlError. */
export function createInsideReader(sql: Sql, channels: readonly string[]): InsideReader {
  const parts = createInsideParts(sql, channels)
  return {
    inside: async (group, topic, limits): Promise<GroupInside> => ({
      due: await parts.due(group, limits),
      away: await parts.away(group),
      slow: await parts.slow(group),
      idleMs: await parts.idleMs(group, topic),
    }),
    blocked: parts.blocked,
  }
}

/** The same in parts, for a reader who goes on without those that are locked. Throws SqlError. */
export function createInsideParts(sql: Sql, channels: readonly string[]): InsideParts {
  return {
    due: async (group, limits) => {
      const due = await sql.query<DueRow>(dueStatement, [group, channels, limits.due, limits.campaigns])
      return due.map(({ channel, count, campaignCount, oldestMs, campaigns, counts }) => ({
        channel,
        count,
        campaignCount,
        oldestMs,
        campaigns: campaigns.map((campaignId, index) => ({ campaignId, count: counts[index] ?? 0 })),
      }))
    },
    away: (group) => sql.query<AwayDestination>(awayStatement, [group, MOST_LISTED, MOST_WAITING, channels]),
    slow: (group) => sql.query<SlowCampaign>(slowStatement, [group, MOST_LISTED]),
    idleMs: async (group, topic) => {
      const idle = await sql.query<{ partition: number; ms: number }>(idleStatement, [group, topic])
      return new Map(idle.map(({ partition, ms }) => [partition, ms]))
    },
    blocked: async (): Promise<readonly BlockedStatement[]> => {
      const rows = await sql.query<BlockedRow>(blockedStatement, [MOST_BLOCKED])
      const waiting = rows.map(({ pid, application, text, forMs, ...by }) => ({
        pid,
        application,
        statement: text === null || text.startsWith('<') ? null : statementName(text),
        forMs,
        by: holderOf(by),
      }))
      const holders = await sql.query<Holder & { tables: string }>(holdersStatement, [MOST_BLOCKED, HELD_SECONDS, HELD_ALONE_SECONDS])
      const held = holders.map(({ tables, ...by }) => ({ pid: null, application: null, statement: tables, forMs: null, by: holderOf(by) }))
      return [...waiting, ...held.filter(({ by }) => !waiting.some((one) => one.by.pid === by.pid))]
    },
  }
}

interface DueRow {
  readonly channel: string
  readonly count: number
  readonly campaignCount: number
  readonly oldestMs: number | null
  readonly campaigns: readonly string[]
  readonly counts: readonly number[]
}

interface Holder {
  readonly byPid: number
  readonly byApplication: string
  readonly byState: string | null
  readonly byForMs: number | null
}

function holderOf({ byPid, byApplication, byState, byForMs }: Holder): BlockedStatement['by'] {
  return { pid: byPid, application: byApplication, state: byState, forMs: byForMs }
}

interface BlockedRow extends Holder {
  readonly pid: number
  readonly application: string
  readonly text: string | null
  readonly forMs: number | null
}

// Along `intents_due` from its newest end: at the other lie the entries of what has ended, for as long as nothing was vacuumed.
const dueStatement = `
WITH counted AS MATERIALIZED (
  SELECT c.channel, due.campaign_id, count(*)::int AS count
    FROM unnest($2::text[]) AS c (channel)
   CROSS JOIN LATERAL (
     SELECT of_class.campaign_id FROM unnest('{live,broadcast,replay}'::text[]) AS k (class)
      CROSS JOIN LATERAL (
        SELECT i.campaign_id FROM worker.intents AS i
         WHERE i.group_name = $1 AND i.channel = c.channel AND i.class = k.class AND i.state IN ('pending', 'ambiguous')
           AND i.due_at <= now()
         ORDER BY i.due_at DESC
         LIMIT $3) AS of_class
      LIMIT $3) AS due
   GROUP BY 1, 2
)
SELECT counted.channel, sum(count)::int AS count, count(*)::int AS "campaignCount", oldest.ms AS "oldestMs",
       (array_agg(campaign_id::text ORDER BY count DESC, campaign_id))[1:$4] AS campaigns,
       (array_agg(count ORDER BY count DESC, campaign_id))[1:$4] AS counts
  FROM counted
  LEFT JOIN LATERAL (
    SELECT (extract(epoch FROM now() - i.due_at) * 1000)::float8 AS ms FROM worker.intents AS i
     WHERE i.group_name = $1 AND i.channel = counted.channel AND i.class = 'live' AND i.state IN ('pending', 'ambiguous')
       AND i.due_at <= now()
     ORDER BY i.due_at
     LIMIT 1) AS oldest ON true
 GROUP BY counted.channel, oldest.ms
 ORDER BY counted.channel`

// By channel, so that many endpoints that are away do not hide the relay.
const awayStatement = `
SELECT b.channel, b.destination, b.reason, b.open_since AS since, waiting.count AS waiting
  FROM unnest($4::text[]) AS c (channel)
 CROSS JOIN LATERAL (
   SELECT * FROM worker.breakers WHERE channel = c.channel AND failed_at > now() - interval '3 hours' ORDER BY open_since LIMIT $2) AS b
 CROSS JOIN LATERAL (
   SELECT count(*)::int AS count FROM (
     SELECT FROM worker.intents
      WHERE group_name = $1 AND channel = b.channel AND destination = b.destination AND ${isDeferred}
      LIMIT $3) AS deferred) AS waiting
 ORDER BY b.open_since`

const slowStatement = `
SELECT campaign_id::text AS "campaignId", tries, next_try_at AS "nextTryAt"
  FROM worker.slow_recalculations WHERE group_name = $1 ORDER BY tries DESC, campaign_id LIMIT $2`

const idleStatement = `
SELECT partition, greatest(0, extract(epoch FROM now() - updated_at) * 1000)::float8 AS ms
  FROM worker.progress WHERE group_name = $1 AND topic = $2`

// Of several sessions that block one, that which itself waits for nothing.
const blockedStatement = `
SELECT DISTINCT ON (waits.pid) waits.pid, waits.application_name AS application, waits.query AS text,
       (extract(epoch FROM clock_timestamp() - waits.query_start) * 1000)::float8 AS "forMs",
       b.pid AS "byPid", b.application_name AS "byApplication", b.state AS "byState",
       (extract(epoch FROM clock_timestamp() - b.xact_start) * 1000)::float8 AS "byForMs"
  FROM (SELECT * FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'kafka-worker %' AND wait_event_type = 'Lock'
         ORDER BY query_start LIMIT $1) AS waits
 CROSS JOIN LATERAL unnest(pg_blocking_pids(waits.pid)) AS blocking (pid)
  JOIN pg_stat_activity AS b ON b.pid = blocking.pid
 ORDER BY waits.pid, (b.wait_event_type IS NOT DISTINCT FROM 'Lock'), b.xact_start`

// The platform writes the tables that are left out, in transactions of its own. A reader holds none of these modes.
const holdersStatement = `
SELECT a.pid AS "byPid", a.application_name AS "byApplication", a.state AS "byState",
       (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::float8 AS "byForMs",
       string_agg(DISTINCT 'worker.' || c.relname, ', ') AS tables
  FROM pg_locks AS l
  JOIN pg_class AS c ON c.oid = l.relation AND c.relkind = 'r'
  JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'worker'
  JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.mode IN ('RowShareLock', 'RowExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
   AND c.relname NOT IN ('outbox', 'suppressions') AND a.application_name NOT LIKE 'kafka-worker %'
   AND a.xact_start < clock_timestamp() - interval '1 second' * CASE l.mode WHEN 'AccessExclusiveLock' THEN $3::float8 ELSE $2::float8 END
 GROUP BY a.pid, a.application_name, a.state, a.xact_start
 ORDER BY a.xact_start
 LIMIT $1`
