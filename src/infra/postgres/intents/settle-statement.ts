import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { Settlement } from '../../../delivery/intent-store.ts'
import type { Intent } from '../../../model/intent.ts'
import { deliveryLogSql, oncePerLog } from '../delivery-logs/delivery-logs.ts'
import { backToPending } from './coalesced.ts'
import { expectFew } from './expect-few.ts'

/** Settles that go by the same statement are written together. Its parameters: see settle-batch.ts; then those of the delivery log. */
export interface SettleStatement {
  readonly text: string
  readonly deliveryLog: DeliveryLog | null
}

/** Parameters of a settle itself. */
const SETTLE_PARAMETERS = 12

/** The same object for the same arguments. `ownTablesOnly`: without the platform's tables, which refused the outcome. */
export function settleStatementOf(
  { coalesce }: Intent,
  settlement: Settlement,
  deliveryLog: DeliveryLog | null,
  ownTablesOnly = false,
): SettleStatement {
  const forms = coalesce ? (settlement.is === 'final' ? finishCoalesced : returnCoalesced) : settle
  if (deliveryLog === null) return forms.none
  return (ownTablesOnly ? forms.ownTablesOnly : forms.logged)(deliveryLog)
}

const settlementsWith = (more: string) => `
WITH s AS MATERIALIZED (
  SELECT s.*
    FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::boolean[], $9::text[],
                       $10::text[], $11::jsonb[], $12::text[])
           AS s (id, owner, claims, kind, final_state, new_reason, after_ms, hold, new_channel, new_destination, new_data, new_detail)${more}
)`
const settlements = settlementsWith('')

// A wait that continues keeps its start; a wait for another reason starts now.
const waitingSince = (old: string) => `CASE
  WHEN s.kind = 'moved' THEN NULL
  WHEN s.kind = 'deferred' THEN now()
  WHEN s.kind <> 'waiting' THEN ${old}.waiting_since
  WHEN ${old}.waiting_since IS NOT NULL AND ${old}.reason IS NOT DISTINCT FROM s.new_reason THEN ${old}.waiting_since
  ELSE now()
END`

/**
 * `ambiguous` and `held` keep owner and claims: the reply may still come, late, from the worker that waits for it, and then
 * counts, unless another worker has claimed the intent meanwhile. Doubt about one attempt is counted once, whether its lease expired
 * first or its worker reported it, and no longer counted when the late reply says that nothing was sent.
 *
 * The body, or what it is made of, is dropped once it can never be sent again. After any other outcome an operator can retry the same
 * bytes.
 */
const settling = `
UPDATE worker.intents AS i
   SET state = CASE
         WHEN s.kind = 'final' THEN s.final_state
         WHEN s.kind <> 'ambiguous' THEN 'pending'
         WHEN s.hold OR i.ambiguous > (i.state = 'ambiguous')::int THEN 'held'
         ELSE 'ambiguous'
       END,
       ambiguous = CASE
         WHEN s.kind = 'ambiguous' AND i.state <> 'ambiguous' THEN i.ambiguous + 1
         WHEN s.kind IN ('waiting', 'retry', 'uncounted', 'refused', 'moved') AND i.state = 'ambiguous' THEN i.ambiguous - 1
         ELSE i.ambiguous
       END,
       attempt = i.attempt - (s.kind = 'uncounted')::int + (s.kind = 'refused')::int,
       reason = s.new_reason,
       detail = s.new_detail,
       due_at = CASE WHEN s.kind = 'final' THEN i.due_at ELSE now() + s.after_ms * interval '1 millisecond' END,
       waiting_since = ${waitingSince('i')},
       owner = CASE WHEN s.kind = 'ambiguous' THEN i.owner END,
       lease_until = NULL,
       channel = coalesce(s.new_channel, i.channel),
       destination = coalesce(s.new_destination, i.destination),
       data = coalesce(s.new_data, i.data),
       envelope = CASE WHEN s.kind = 'final' AND s.final_state IN ('sent', 'delivered') THEN i.envelope - 'content' ELSE i.envelope END,
       body = CASE WHEN s.kind = 'final' AND s.final_state IN ('sent', 'delivered') THEN NULL ELSE i.body END,
       finished_at = CASE WHEN s.kind = 'final' THEN now() END
  FROM s
 WHERE ${expectFew} AND i.id = s.id AND i.owner = s.owner AND i.claims = s.claims AND NOT i.coalesce
   AND (i.state IN ('claimed', 'handing_over', 'ambiguous') OR i.state = 'held' AND s.kind = 'final')`

const settle = withLogs(`${settlements}, settled AS (${settling} RETURNING i.*)`)

/**
 * The expressions of {@link settleStatement}, for one that does more; `settled` has the intents that it moved.
 *
 * @param lockMs how long it waits for locks, where that is not as the session says: the rows of `s`, on which all writes depend, come with the
 * setting, which ends with the transaction
 */
export function settledAndLogged(deliveryLog: DeliveryLog, lockMs: number | null = null): string {
  const from =
    lockMs === null ? settlements : settlementsWith(`\n   CROSS JOIN (SELECT set_config('lock_timeout', '${lockMs}', true)) AS setting`)
  return `${from}, settled AS (${settling} RETURNING i.*),${deliveryLogSql(deliveryLog).settled(SETTLE_PARAMETERS + 1)}`
}

/** How long {@link briefSettleStatement} waits for a lock. Milliseconds. */
export const BRIEF_LOCK_MS = 100

/** As {@link settleStatement}, for outcomes that others wait for: where a row is locked it fails soon, and its transaction with it. */
export const briefSettleStatement = oncePerLog((deliveryLog): SettleStatement => ({
  deliveryLog,
  text: `${settledAndLogged(deliveryLog, BRIEF_LOCK_MS)} SELECT id FROM settled`,
}))

/** The statement for outcomes of intents that are not coalesced. */
export function settleStatement(deliveryLog: DeliveryLog): SettleStatement {
  return settle.logged(deliveryLog)
}

const ours = `${expectFew} AND i.id = s.id AND i.owner = s.owner AND i.claims = s.claims AND i.coalesce
      AND i.state IN ('claimed', 'handing_over', 'ambiguous')`

// A request that arrived while it ran has a pending row of its own; this one is deleted.
const finishCoalesced = withLogs(`${settlements}, settled AS (DELETE FROM worker.intents AS i USING s WHERE ${ours} RETURNING i.*)`)

const returnCoalesced = withLogs(`${settlements},
settled AS MATERIALIZED (SELECT i.* FROM s JOIN worker.intents AS i ON ${ours} FOR UPDATE OF i),
${backToPending('SELECT id FROM settled', {
  from: 'gone JOIN s USING (id)',
  dueAt: `now() + s.after_ms * interval '1 millisecond'`,
  reason: 's.new_reason',
  waitingSince: waitingSince('gone'),
  channel: 'coalesce(s.new_channel, gone.channel)',
  data: 'coalesce(s.new_data, gone.data)',
})}`)

/** `expressions` end with the intents as they were moved, in `settled`; the delivery log follows them in the same statement. */
function withLogs(expressions: string): Forms {
  const form = (deliveryLog: DeliveryLog | null, more: string): SettleStatement => {
    return { deliveryLog, text: `${expressions}${more === '' ? '' : `,${more}`} SELECT id FROM settled` }
  }
  const logged = (deliveryLog: DeliveryLog) => form(deliveryLog, deliveryLogSql(deliveryLog).settled(SETTLE_PARAMETERS + 1))
  const ownTablesOnly = (deliveryLog: DeliveryLog) => form(null, deliveryLogSql(deliveryLog).settledInOurs)
  return { none: form(null, ''), logged: oncePerLog(logged), ownTablesOnly: oncePerLog(ownTablesOnly) }
}

interface Forms {
  readonly none: SettleStatement
  readonly logged: (deliveryLog: DeliveryLog) => SettleStatement
  /** Without the platform's tables. */
  readonly ownTablesOnly: (deliveryLog: DeliveryLog) => SettleStatement
}
