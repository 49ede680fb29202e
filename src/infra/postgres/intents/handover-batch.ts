import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { StartRequest } from '../../../delivery/intent-store.ts'
import type { IntentOutcome, OutcomeNote, OwnRows } from '../../../model/intent-kind.ts'
import type { Sql } from '../../../std/sql.ts'
import { deliveryLogSql } from '../delivery-logs/delivery-logs.ts'
import type { HandoverItem, HandoverResult, Patience } from './handover-batcher.ts'
import { ownParameters, ownUpdate } from './own-rows.ts'
import { settleParameters, type SettleItem } from './settle-batch.ts'
import { BRIEF_LOCK_MS, settledAndLogged } from './settle-statement.ts'
import { proving, starting, startParameters } from './start-batch.ts'

type Item = HandoverItem<StartRequest, SettleItem>

/** Writes outcomes and starts, and the rows of their kind, in one statement. Outcomes stand before starts; only they are written alone with patience. */
export type WriteHandoverBatch = (items: readonly Item[], sql: Sql, patience: Patience) => Promise<readonly HandoverResult[]>

/** @param own of the kind of all intents; null for kinds without rows of their own */
export function handoverBatches(deliveryLog: DeliveryLog, own: OwnRows | null): WriteHandoverBatch {
  const settleCount = settleParameters([], deliveryLog).length
  const ownCount = own === null ? 0 : ownParameters(own.outcome, []).length
  const outcomeForms = {
    patient: outcomesAlone(deliveryLog, own, settleCount, null),
    brief: outcomesAlone(deliveryLog, own, settleCount, BRIEF_LOCK_MS),
  }
  const startsAlone = `WITH ${startExpressions(deliveryLog, own, 1)} SELECT id, true AS followed FROM started`
  // A start waits no longer for an outcome whose row is locked; both are then written apart.
  const together = `
${outcomeExpressions(deliveryLog, own, settleCount, BRIEF_LOCK_MS)},
${startExpressions(deliveryLog, own, settleCount + ownCount + 1, 'AND (SELECT count(*) FROM s) >= 0')}
${outcomeRows(own)} UNION ALL SELECT id, true FROM started`

  return async (items, sql, patience) => {
    const outcomes = items.flatMap((item) => (item.is === 'outcome' ? [item.outcome] : []))
    const starts = items.flatMap((item) => (item.is === 'start' ? [item.start] : []))
    const text = starts.length === 0 ? outcomeForms[patience] : outcomes.length === 0 ? startsAlone : together
    const rows = await sql.query<{ id: string; followed: boolean }>(text, [
      ...(outcomes.length === 0 ? [] : [...settleParameters(outcomes, deliveryLog), ...ownOutcomeParameters(own, outcomes)]),
      ...(starts.length === 0 ? [] : [...startParameters(starts), ...ownStartParameters(own, starts)]),
    ])
    // An intent has either an outcome or a start here: it was claimed again after its last outcome was written.
    const moved = new Map(rows.map(({ id, followed }) => [id, followed]))
    const notes = own === null ? none : await notesOf(own, outcomes, moved, sql)
    return items.map((item) => {
      if (item.is === 'start') return moved.has(item.start.intent.id) ? 'started' : 'lost'
      const { id } = item.outcome.intent
      return moved.has(id) ? (notes.get(id) ?? 'settled') : 'lost'
    })
  }
}

const none: ReadonlyMap<string, OutcomeNote> = new Map()

function outcomeExpressions(deliveryLog: DeliveryLog, own: OwnRows | null, settleCount: number, lockMs: number | null): string {
  const written = settledAndLogged(deliveryLog, lockMs)
  return own === null ? written : `${written},\n${ownUpdate('followed', own.outcome, settleCount + 1, 'settled')}`
}

function outcomeRows(own: OwnRows | null): string {
  return own === null
    ? 'SELECT id, true AS followed FROM settled'
    : 'SELECT id, id IN (SELECT intent_id FROM followed) AS followed FROM settled'
}

function outcomesAlone(deliveryLog: DeliveryLog, own: OwnRows | null, settleCount: number, lockMs: number | null): string {
  return `${outcomeExpressions(deliveryLog, own, settleCount, lockMs)} ${outcomeRows(own)}`
}

/** @param condition of the lock of the intents, which their kind's rows wait for */
function startExpressions(deliveryLog: DeliveryLog, own: OwnRows | null, first: number, condition = ''): string {
  const logged = deliveryLogSql(deliveryLog).started
  if (own === null) return `started AS (${starting(first)} RETURNING i.*),${logged}`
  const firstOwn = first + startParameters([]).length
  return `proven AS MATERIALIZED (${proving(first, condition)}),
${ownUpdate('allowed', own.start, firstOwn, 'proven')},
started AS (${starting(first)} AND i.id IN (SELECT intent_id FROM allowed) RETURNING i.*),${logged}`
}

function ownStartParameters(own: OwnRows | null, starts: readonly StartRequest[]): readonly string[] {
  if (own === null) return []
  return ownParameters(
    own.start,
    starts.flatMap((start) => (start.own === undefined ? [] : [{ intentId: start.intent.id, values: start.own.values }])),
  )
}

function ownOutcomeParameters(own: OwnRows | null, outcomes: readonly SettleItem[]): readonly string[] {
  if (own === null) return []
  return ownParameters(
    own.outcome,
    kindOutcomesOf(outcomes).map((outcome) => ({ intentId: outcome.intent.id, values: own.outcome.valuesOf(outcome) })),
  )
}

function kindOutcomesOf(outcomes: readonly SettleItem[]): readonly IntentOutcome[] {
  return outcomes.flatMap(({ intent, kindOutcome }) => (kindOutcome === undefined ? [] : [{ intent, outcome: kindOutcome.outcome }]))
}

/** By the ids of intents that were settled, while the rows of their kind did not follow. */
async function notesOf(
  own: OwnRows,
  outcomes: readonly SettleItem[],
  moved: ReadonlyMap<string, boolean>,
  sql: Sql,
): Promise<ReadonlyMap<string, OutcomeNote>> {
  const left = kindOutcomesOf(outcomes).filter(({ intent }) => moved.get(intent.id) === false)
  if (left.length === 0) return none
  // The outcomes are committed: without the answer there is no note.
  const notes = await own.outcome.notes(left, sql).catch(() => [])
  return new Map(
    left.flatMap(({ intent }, index) => {
      const note = notes[index]
      return note === undefined ? [] : [[intent.id, note]]
    }),
  )
}
