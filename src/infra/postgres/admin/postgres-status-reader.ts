import type { DeadIntents, OpenWork, RecentDeadLetters, SlowSession } from '../../../admin/status/status-facts.ts'
import type { StatusReader } from '../../../admin/status/status-ports.ts'
import type { Sql } from '../../../std/sql.ts'
import { statementName } from '../client/statement-name.ts'
import { quietProcesses } from './quiet-sessions.ts'

/** What sessions and rows say beside lag. Throws SqlError. */
export function createStatusReader(sql: Sql): StatusReader {
  return {
    deadLetters: (most) => sql.query<RecentDeadLetters>(deadLettersStatement, [most]),
    deadIntents: () => sql.query<DeadIntents>(deadIntentsStatement, [MOST_INTENTS]),
    openWork: (groups) => sql.query<OpenWork>(openWorkStatement, [groups, MOST_WORK]),
    quietProcesses: () => quietProcesses(sql),
    async slowSessions() {
      const rows = await sql.query<Omit<SlowSession, 'statement'> & { text: string | null }>(slowStatement)
      return rows.map(({ text, ...row }) => ({ ...row, statement: text === null || text.startsWith('<') ? null : statementName(text) }))
    },
  }
}

const MOST_WORK = 1_000
const MOST_INTENTS = 50_000

const deadLettersStatement = `
SELECT group_name AS "group", reason, type, count(*)::int AS day,
       (count(*) FILTER (WHERE at > now() - interval '1 hour'))::int AS hour, max(at) AS last
  FROM (SELECT * FROM worker.dead_letters WHERE at > now() - interval '24 hours' AND state = 'open' ORDER BY at DESC LIMIT $1) AS recent
 GROUP BY 1, 2, 3
 ORDER BY hour DESC, day DESC`

// No index finds what has ended: the newest are read along the primary key.
const deadIntentsStatement = `
SELECT group_name AS "group", kind, reason, count(*)::int AS count, max(finished_at) AS last
  FROM (SELECT group_name, kind, reason, state, finished_at FROM worker.intents ORDER BY id DESC LIMIT $1) AS newest
 WHERE state = 'dead' AND finished_at > now() - interval '24 hours'
 GROUP BY 1, 2, 3
 ORDER BY count DESC, 1, 2, 3`

const openWorkStatement = `
SELECT g.name AS "group",
       (SELECT count(*)::int FROM (SELECT FROM worker.intents WHERE group_name = g.name AND state = 'held' LIMIT $2) AS held) AS held,
       (SELECT count(*)::int FROM (
          SELECT group_name FROM worker.intents
           WHERE state IN ('claimed', 'handing_over') AND lease_until < now() - interval '1 minute'
           ORDER BY lease_until LIMIT $2) AS over WHERE over.group_name = g.name) AS abandoned
  FROM unnest($1::text[]) AS g (name)`

const slowStatement = `
SELECT pid, application_name AS application, query AS text,
       (extract(epoch FROM clock_timestamp() - query_start) * 1000)::float8 AS "forMs"
  FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'kafka-worker %' AND state = 'active' AND query_start IS NOT NULL
   AND wait_event_type IS DISTINCT FROM 'Lock' AND query_start < clock_timestamp() - interval '1 second'
 ORDER BY query_start
 LIMIT 20`
