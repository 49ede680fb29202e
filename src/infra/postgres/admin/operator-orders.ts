import type { Sql } from '../../../std/sql.ts'
import { isActivePause, isSetAside } from '../intents/paused-intents.ts'
import { activePauseOf, pauseColumns, type ActivePause, type ActivePauseRow } from './postgres-pause-admin.ts'

/** What operators want of the daemons of these groups beside pauses, and what is left of these to do. */
export interface OperatorOrders {
  /** Intents are set aside, for a pause that may be over. */
  readonly setAside: boolean
  /** The groups of which a replay of dead letters is requested. */
  readonly letters: readonly string[]
  /** Replays of a range are queued or under way in one of the groups. */
  readonly replays: boolean
}

/**
 * The pauses that are not over, the oldest first; of every group. By a statement of their own, which reads a small table: while an old
 * snapshot is open, the probes of {@link readOrders} may walk the dead entries of millions of intents. Throws SqlError.
 */
export async function readPauses(sql: Sql): Promise<readonly ActivePause[]> {
  return (await sql.query<ActivePauseRow>(pausesStatement)).map(activePauseOf)
}

/** All of it by one statement, which an idle daemon makes every two seconds, after that of the pauses. Throws SqlError. */
export async function readOrders(sql: Sql, groups: readonly string[]): Promise<OperatorOrders> {
  const [orders] = await sql.query<OperatorOrders>(ordersStatement, [groups])
  if (orders === undefined) throw new Error('the orders of operators are one row')
  return orders
}

const pausesStatement = `SELECT ${pauseColumns} FROM worker.pauses AS p WHERE ${isActivePause} ORDER BY p.id`

// Each by one probe of its own index: in its order, because statistics of the moment when nearly all rows were set aside, or requested, would
// make a search of the table look cheaper. `replay_jobs` has a row per order.
const ordersStatement = `
SELECT (SELECT true FROM worker.intents WHERE ${isSetAside} ORDER BY detail LIMIT 1) IS NOT NULL AS "setAside",
       ARRAY(SELECT g.name FROM unnest($1::text[]) AS g (name)
              CROSS JOIN LATERAL (SELECT FROM worker.dead_letters AS d
                                   WHERE d.group_name = g.name AND d.state = 'requested' ORDER BY d.topic LIMIT 1) AS requested) AS letters,
       EXISTS (SELECT FROM worker.replay_jobs WHERE group_name = ANY ($1::text[]) AND state IN ('queued', 'running')) AS replays`
