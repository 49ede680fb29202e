import type { Ledger, LedgerEnd } from '../../delivery/intent-store.ts'

/**
 * One row of `webhook_deliveries` per delivery, following its attempts, and the counters of `webhooks`: `total_sent` and
 * `total_failed` count deliveries that ended, `last_failure_at` every failed attempt. An endpoint that answers 410 is set
 * `failed` (Standard Webhooks 1.0.0: it wants no more).
 */
export function createWebhookLedger(): Ledger {
  return {
    async started(rows, tx) {
      await tx.query(startedStatement, [rows.map(({ intent }) => intent.id)])
    },
    async ended(rows, tx) {
      const followed = rows.filter(({ settlement }) => settlement.is !== 'moved')
      if (followed.length === 0) return
      await tx.query(endedStatement, [
        followed.map(({ intent }) => intent.id),
        followed.map(statusOf),
        followed.map(isFailure),
        followed.map(({ settlement }) => ('afterMs' in settlement ? settlement.afterMs : null)),
        followed.map(({ reply }) => reply.status ?? null),
        followed.map(({ reply }) => (reply.durationMs === undefined ? null : Math.round(reply.durationMs))),
        followed.map(({ settlement, reply }) => reply.error ?? (settlement.is === 'moved' ? null : settlement.reason)),
      ])
    },
  }
}

function statusOf({ settlement }: LedgerEnd): 'success' | 'pending' | 'failed' {
  if (settlement.is !== 'final') return 'pending'
  return settlement.state === 'sent' || settlement.state === 'delivered' ? 'success' : 'failed'
}

/** Whether the endpoint failed this attempt: a skip is our decision, and a wait burned no attempt. */
function isFailure({ settlement }: LedgerEnd): boolean {
  if (settlement.is === 'final') return settlement.state === 'dead' || settlement.state === 'rejected'
  return settlement.is === 'ambiguous' || (settlement.is === 'later' && settlement.as === 'retry')
}

const rowId = `md5(i.group_name || ':' || i.key)::uuid`

const startedStatement = `
INSERT INTO public.webhook_deliveries (id, webhook_id, event_type, payload, attempt_number)
SELECT ${rowId}, (i.envelope->>'endpointId')::uuid, i.envelope->>'eventType', convert_from(i.body, 'UTF8')::jsonb, i.attempt
  FROM worker.intents AS i
 WHERE i.id = ANY ($1::bigint[])
ON CONFLICT (id) DO UPDATE
   SET status = 'pending', attempt_number = excluded.attempt_number, next_retry_at = NULL, updated_at = now()`

// The endpoints' rows are locked in one order, so that two transactions that end deliveries to the same two wait in line.
const endedStatement = `
WITH deliveries AS (
  UPDATE public.webhook_deliveries AS d
     SET status = s.status,
         response_status = s.response_status,
         duration_ms = s.duration_ms,
         error_message = CASE WHEN s.status <> 'success' THEN s.error END,
         next_retry_at = CASE WHEN s.status = 'pending' THEN now() + s.after_ms * interval '1 millisecond' END,
         delivered_at = CASE WHEN s.status = 'success' THEN now() END,
         updated_at = now()
    FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::float8[], $5::int[], $6::int[], $7::text[])
      AS s (intent_id, status, failure, after_ms, response_status, duration_ms, error)
    JOIN worker.intents AS i ON i.id = s.intent_id
   WHERE d.id = ${rowId}
  RETURNING d.webhook_id, s.status, s.failure, s.response_status
),
tally AS MATERIALIZED (
  SELECT webhook_id,
         count(*) FILTER (WHERE status = 'success') AS sent,
         count(*) FILTER (WHERE status = 'failed' AND failure) AS failed,
         bool_or(failure) AS failure,
         bool_or(response_status = 410) AS gone
    FROM deliveries
   GROUP BY webhook_id
),
locked AS MATERIALIZED (
  SELECT id FROM public.webhooks WHERE id IN (SELECT webhook_id FROM tally) ORDER BY id FOR NO KEY UPDATE
)
UPDATE public.webhooks AS w
   SET total_sent = w.total_sent + tally.sent,
       total_failed = w.total_failed + tally.failed,
       last_success_at = CASE WHEN tally.sent > 0 THEN now() ELSE w.last_success_at END,
       last_failure_at = CASE WHEN tally.failure THEN now() ELSE w.last_failure_at END,
       status = CASE WHEN tally.gone THEN 'failed' ELSE w.status END,
       updated_at = now()
  FROM tally JOIN locked ON locked.id = tally.webhook_id
 WHERE w.id = tally.webhook_id AND (tally.sent > 0 OR tally.failure OR tally.gone)`
