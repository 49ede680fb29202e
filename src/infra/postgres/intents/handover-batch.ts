import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { StartRequest } from '../../../delivery/intent-store.ts'
import type { Sql } from '../../../std/sql.ts'
import { deliveryLogSql, oncePerLog } from '../delivery-logs/delivery-logs.ts'
import type { HandoverItem, HandoverResult, Patience } from './handover-batcher.ts'
import { settleBatch, settleParameters, type SettleItem } from './settle-batch.ts'
import { BRIEF_LOCK_MS, briefSettleStatement, settledAndLogged, settleStatement } from './settle-statement.ts'
import { startBatch, starting, startParameters } from './start-batch.ts'

/**
 * Writes outcomes and starts in one statement, each as {@link settleBatch} and {@link startBatch} do. Outcomes stand before starts; only
 * they are written alone with patience.
 */
export async function handoverBatch(
  items: readonly HandoverItem<StartRequest, SettleItem>[],
  deliveryLog: DeliveryLog,
  sql: Sql,
  patience: Patience,
): Promise<readonly HandoverResult[]> {
  const outcomes = items.flatMap((item) => (item.is === 'outcome' ? [item.outcome] : []))
  const starts = items.flatMap((item) => (item.is === 'start' ? [item.start] : []))
  if (starts.length === 0)
    return settleBatch(outcomes, patience === 'brief' ? briefSettleStatement(deliveryLog) : settleStatement(deliveryLog), sql)
  if (outcomes.length === 0) return startBatch(starts, deliveryLog, sql)
  const parameters = [...settleParameters(outcomes, deliveryLog), ...startParameters(starts)]
  const rows = await sql.query<{ id: string }>(statement(deliveryLog), parameters)
  // An intent has either an outcome or a start here: both would be of two claims, and only the newest is written.
  const moved = new Set(rows.map(({ id }) => id))
  return items.map((item) => {
    if (item.is === 'outcome') return moved.has(item.outcome.intent.id) ? 'settled' : 'lost'
    return moved.has(item.start.intent.id) ? 'started' : 'lost'
  })
}

// A start waits no longer for an outcome whose row is locked; both are then written apart.
const statement = oncePerLog((deliveryLog) => {
  const first = settleParameters([], deliveryLog).length + 1
  return `${settledAndLogged(deliveryLog, BRIEF_LOCK_MS)},
started AS (${starting(first)} RETURNING i.*),${deliveryLogSql(deliveryLog).started}
SELECT id FROM settled UNION ALL SELECT id FROM started`
})
