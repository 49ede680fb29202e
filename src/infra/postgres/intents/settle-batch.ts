import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { JsonObject } from '../../../model/intent.ts'
import type { SettleOptions, Settled, Settlement } from '../../../delivery/intent-store.ts'
import type { AttemptOutcome, KindRows, KindValues, OutcomeNote, RecordOutcomes } from '../../../model/intent-kind.ts'
import type { Sql } from '../../../std/sql.ts'
import { type LoggedOutcome } from '../delivery-logs/delivery-log.ts'
import { deliveryLogSql } from '../delivery-logs/delivery-logs.ts'
import { kindParameters, kindUpdate } from './kind-rows.ts'
import { settledAndLogged, type SettleStatement } from './settle-statement.ts'
import { sqlArray } from '../../../std/sql-array.ts'

export interface SettleItem extends LoggedOutcome {
  /** Replaces the intent's data (a broadcast's cursor). */
  readonly data?: JsonObject | undefined
  /** Beside the reason; see SettleOptions. */
  readonly detail?: string | null | undefined
  readonly kindOutcome?: SettleOptions['kindOutcome']
}

/** Settles many intents in one statement: proves each claim, moves the intent, and writes the rows of the delivery log of those that were ours. */
export async function settleBatch(
  items: readonly SettleItem[],
  statement: SettleStatement,
  sql: Sql,
): Promise<readonly ('settled' | 'lost')[]> {
  const { deliveryLog, text } = statement
  const settled = new Set((await sql.query<{ id: string }>(text, settleParameters(items, deliveryLog))).map(({ id }) => id))
  return items.map(({ intent }) => (settled.has(intent.id) ? 'settled' : 'lost'))
}

/** A settle with the values of the row that its kind writes. */
export interface KindSettleItem extends SettleItem {
  readonly outcome: AttemptOutcome
  readonly values: KindValues
}

/** The same, of intents of one kind, with its rows, by an {@link settleStatement ordinary} statement that the kind's update is added to. */
export function settleBatchWith(
  kindRows: KindRows,
  deliveryLog: DeliveryLog,
): (items: readonly KindSettleItem[], sql: Sql) => Promise<readonly Settled[]> {
  const firstOfKind = settleParameters([], deliveryLog).length + 1
  const text = `${settledAndLogged(deliveryLog)},
${kindUpdate('followed', kindRows.outcome, firstOfKind, 'settled')}
SELECT id, id IN (SELECT intent_id FROM followed) AS followed FROM settled`
  return async (items, sql) => {
    const values = items.map((item) => ({ intentId: item.intent.id, values: item.values }))
    const parameters = [...settleParameters(items, deliveryLog), ...kindParameters(kindRows.outcome, values)]
    const rows = await sql.query<{ id: string; followed: boolean }>(text, parameters)
    const followed = new Map(rows.map((row) => [row.id, row.followed]))
    const left = items.filter(({ intent }) => followed.get(intent.id) === false)
    const notes = await notesOf(left, kindRows, sql)
    const noted = new Map(left.map(({ intent }, index) => [intent.id, notes[index]]))
    return items.map(({ intent: { id } }) => (followed.has(id) ? (noted.get(id) ?? 'settled') : 'lost'))
  }
}

/** These outcomes are committed: a second failure leaves them without their notes, and is not theirs. */
async function notesOf(left: readonly KindSettleItem[], { outcome }: KindRows, sql: Sql): Promise<readonly (OutcomeNote | undefined)[]> {
  if (left.length === 0) return []
  for (let tries = 1; ; tries++) {
    try {
      return await outcome.notes(left, sql)
    } catch {
      if (tries === 2) return []
    }
  }
}

/** The same in a transaction in which the kind of the intents records the outcomes, of exactly those whose claim was proved. */
export async function settleWithKind(
  items: readonly SettleItem[],
  statement: SettleStatement,
  record: RecordOutcomes,
  tx: Sql,
): Promise<readonly Settled[]> {
  // The claims are proved, and their rows locked, before the kind's own rows are written.
  const results = await settleBatch(items, statement, tx)
  const settled = items.flatMap(({ intent, kindOutcome }, index) =>
    results[index] === 'settled' && kindOutcome !== undefined ? [{ intent, outcome: kindOutcome.outcome, index }] : [],
  )
  if (settled.length === 0) return results
  const notes = await record(settled, tx)
  if (notes.length !== settled.length) throw new Error(`recordOutcomes gave ${notes.length} answers for ${settled.length} intents`)
  const noted = new Map(settled.map(({ index }, at) => [index, notes[at]]))
  return results.map((result, index) => noted.get(index) ?? result)
}

/** What a settle statement takes. */
export function settleParameters(items: readonly SettleItem[], deliveryLog: DeliveryLog | null): string[] {
  return [
    sqlArray(items, ({ intent }) => intent.claim.id),
    sqlArray(items, ({ intent }) => intent.claim.owner),
    sqlArray(items, ({ intent }) => intent.claim.claims),
    sqlArray(items, ({ settlement }) => kindOf(settlement)),
    sqlArray(items, ({ settlement }) => (settlement.is === 'final' ? settlement.state : null)),
    sqlArray(items, ({ settlement }) => (settlement.is === 'moved' ? null : settlement.reason)),
    sqlArray(items, ({ settlement }) => ('afterMs' in settlement ? settlement.afterMs : 0)),
    sqlArray(items, ({ settlement }) => String(settlement.is === 'ambiguous' && settlement.hold)),
    sqlArray(items, ({ settlement }) => (settlement.is === 'moved' ? settlement.channel : null)),
    sqlArray(items, ({ settlement }) => (settlement.is === 'deferred' ? settlement.destination : null)),
    sqlArray(items, ({ data }) => (data === undefined ? null : JSON.stringify(data))),
    sqlArray(items, ({ detail }) => detail ?? null),
    ...(deliveryLog === null ? [] : deliveryLogSql(deliveryLog).outcomeParameters(items)),
  ]
}

function kindOf(settlement: Settlement): 'final' | 'waiting' | 'retry' | 'uncounted' | 'refused' | 'ambiguous' | 'moved' | 'deferred' {
  return settlement.is === 'later' ? settlement.as : settlement.is
}
