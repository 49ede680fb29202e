import type { CountedKind, IntentAdmin, IntentLine, IntentHistory, IntentReads, StateCount } from '../../../admin/intents/intent-admin.ts'
import type { Database, Sql } from '../../../std/sql.ts'
import { changeIntents } from './intent-change.ts'
import type { ChannelDefinitions } from '../../../delivery/define-channel.ts'
import type { DeliveryLogSql } from '../delivery-logs/delivery-log.ts'
import { deliveryLogs } from '../delivery-logs/delivery-logs.ts'
import { intentColumns, intentOf, type IntentRow } from '../intents/intent-row.ts'
import { intentLine, quoted } from './intent-line.ts'
import { selected, selectionOf } from './intent-selection.ts'

/** Intents changed in one transaction at most. */
const BATCH = 500

/** The intents for operators, to list and to change them. */
export function createIntentAdmin(database: Database, channels: ChannelDefinitions): IntentAdmin {
  const { sql } = database
  const line = intentLine(channels)
  return {
    ...readsOf(sql, line),
    snapshot: (look) =>
      database.transaction(async (tx) => {
        await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
        return look(readsOf(tx, line))
      }),
    names: async () => {
      const [row] = await sql.query<{ reasons: string[]; kinds: string[]; types: string[] }>(namesStatement)
      return { reasons: row?.reasons ?? [], kinds: [...(row?.kinds ?? []), ...(row?.types ?? [])] }
    },
    history: async (id) => {
      const [row] = await sql.query<IntentHistory>(historyStatement(line, channels), [id])
      return row ?? null
    },
    change: async (change, seen, record) => {
      const changed: string[] = []
      for (let at = 0; at < seen.length; at += BATCH) {
        const some = seen.slice(at, at + BATCH)
        changed.push(...(await database.transaction((tx) => changeIntents(tx, change, some, record))))
      }
      return changed.toSorted((one, other) => Number(one) - Number(other))
    },
  }
}

function readsOf(sql: Sql, line: string): IntentReads {
  return {
    counts: (filter) => sql.query<StateCount>(countStatement, selectionOf(filter)),
    kinds: (filter) => sql.query<CountedKind>(kindsStatement, selectionOf(filter)),
    intents: async (filter, limit) => (await sql.query<IntentRow>(intentsStatement, [...selectionOf(filter), limit])).map(intentOf),
    list: (filter, limit) => sql.query<IntentLine>(listStatement(line), [...selectionOf(filter), limit]),
  }
}

const forgotten = `i.reason IS NOT DISTINCT FROM 'forgotten'`

const countStatement = `
SELECT i.state, i.coalesce, ${forgotten} AS forgotten, count(*)::int AS count
  FROM worker.intents AS i
 WHERE ${selected}
 GROUP BY 1, 2, 3 ORDER BY count DESC, i.state`

const namesStatement = `
SELECT coalesce(array_agg(DISTINCT reason) FILTER (WHERE reason IS NOT NULL), '{}') AS reasons,
       coalesce(array_agg(DISTINCT kind), '{}') AS kinds,
       coalesce(array_agg(DISTINCT data ->> 'type') FILTER (WHERE data ->> 'type' IS NOT NULL), '{}') AS types
  FROM worker.intents`

const kindsStatement = `
SELECT i.kind, i.data ->> 'type' AS type, count(*)::int AS count, count(DISTINCT i.user_id)::int AS people
  FROM worker.intents AS i
 WHERE ${selected} AND NOT ${forgotten}
 GROUP BY 1, 2
 ORDER BY count DESC, kind, type`

const intentsStatement = `
SELECT ${intentColumns} FROM worker.intents AS i WHERE ${selected} AND NOT ${forgotten} AND NOT i.coalesce ORDER BY i.id DESC LIMIT $11`

// Limited before the rewards are looked up.
const listStatement = (line: string) => `
SELECT ${line} FROM (SELECT * FROM worker.intents AS i WHERE ${selected} ORDER BY i.id DESC LIMIT $11) AS i ORDER BY i.id DESC`

const historyStatement = (line: string, channels: ChannelDefinitions) => `
SELECT ${line}, i.class, i.key, i.owner, i.lease_until AS "leaseUntil", i.waiting_since AS "waitingSince", i.ambiguous,
  i.event_at AS "eventAt", i.detail, coalesce(octet_length(i.body), octet_length((i.envelope->'content')::text)) AS "frozenBytes",
  (SELECT jsonb_build_object('outcome', o.outcome, 'type', o.type, 'partition', o.partition, 'offset', o."offset", 'at', o.at)
     FROM worker.outcomes AS o WHERE o.group_name = i.group_name AND o.event_id = i.event_id) AS outcome,
  ${deliveryLogs.map((log) => loggedRow(log, channels)).join(',\n  ')}
  FROM worker.intents AS i WHERE i.id = $1`

/** The row in this delivery log, of intents whose channel writes it. */
function loggedRow({ table, shown }: DeliveryLogSql, channels: ChannelDefinitions): string {
  const names = Object.values(channels).flatMap((channel) => {
    return channel.destinations !== null && channel.deliveryLog === table ? [quoted(channel.name)] : []
  })
  return `CASE WHEN i.channel = ANY (ARRAY[${names.join(', ')}]::text[]) THEN (${shown.query}) END AS ${shown.field}`
}
