import type { Sql } from '../../../std/sql.ts'
import { isActivePause, isSetAside } from '../intents/paused-intents.ts'
import { activePauseOf, pauseColumns, type ActivePause, type ActivePauseRow } from './postgres-pause-admin.ts'

/** What operators want of the daemons of these groups, and what is left of it to do. */
export interface OperatorOrders {
  /** Those that are not over, the oldest first; of every group. */
  readonly pauses: readonly ActivePause[]
  /** Intents are set aside, for a pause that may be over. */
  readonly setAside: boolean
  /** The groups of which a replay of dead letters is requested. */
  readonly letters: readonly string[]
  /** Replays of a range are queued or under way in one of the groups. */
  readonly replays: boolean
}

type OrdersRow = Pick<OperatorOrders, 'setAside' | 'letters' | 'replays'>

/** All of it by one statement, which an idle daemon makes every two seconds. Throws SqlError. */
export async function readOrders(sql: Sql, groups: readonly string[]): Promise<OperatorOrders> {
  const rows = await sql.query<OrdersRow & (ActivePauseRow | { readonly id: null })>(ordersStatement, [groups])
  const [first] = rows
  if (first === undefined) throw new Error('the orders of operators are at least one row')
  const { setAside, letters, replays } = first
  return { pauses: rows.flatMap((row) => (row.id === null ? [] : [activePauseOf(row)])), setAside, letters, replays }
}

// Each by one probe of its own index: in its order, because statistics of the moment when nearly all rows were set aside, or requested, would
// make a search of the table look cheaper. `replay_jobs` has a row per order.
const ordersStatement = `
WITH orders AS MATERIALIZED (
  SELECT (SELECT true FROM worker.intents WHERE ${isSetAside} ORDER BY detail LIMIT 1) IS NOT NULL AS "setAside",
         ARRAY(SELECT g.name FROM unnest($1::text[]) AS g (name)
                CROSS JOIN LATERAL (SELECT FROM worker.dead_letters AS d
                                     WHERE d.group_name = g.name AND d.state = 'requested' ORDER BY d.topic LIMIT 1) AS requested) AS letters,
         EXISTS (SELECT FROM worker.replay_jobs WHERE group_name = ANY ($1::text[]) AND state IN ('queued', 'running')) AS replays
)
SELECT orders.*, ${pauseColumns}
  FROM orders LEFT JOIN worker.pauses AS p ON ${isActivePause}
 ORDER BY p.id`
