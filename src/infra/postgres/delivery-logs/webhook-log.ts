import type { LoggedOutcome, DeliveryLogSql } from './delivery-log.ts'
import { sqlArray } from '../../../std/sql-array.ts'

const rowId = `md5(i.group_name || ':' || i.key)::uuid`

/**
 * One row of `webhook_deliveries` per delivery, following its attempts, and the counters of `webhooks`: `total_sent` and
 * `total_failed` count final deliveries, `last_failure_at` every failed attempt. An endpoint that answers 410 is set
 * `failed` (Standard Webhooks 1.0.0: it accepts no further deliveries).
 */
export const webhookLog: DeliveryLogSql = {
  table: 'webhook_deliveries',
  shown: {
    field: 'delivery',
    query: `
SELECT jsonb_build_object('id', d.id, 'status', d.status, 'responseStatus', d.response_status, 'attempt', d.attempt_number,
                          'deliveredAt', d.delivered_at, 'nextRetryAt', d.next_retry_at, 'error', d.error_message)
  FROM platform.webhook_deliveries AS d WHERE d.id = ${rowId}`,
  },
  started: `
opened AS (
  INSERT INTO platform.webhook_deliveries (id, webhook_id, event_type, payload, attempt_number)
  SELECT ${rowId}, (i.envelope->>'endpointId')::uuid, i.envelope->>'eventType', convert_from(i.body, 'UTF8')::jsonb, i.attempt
    FROM started AS i
  ON CONFLICT (id) DO UPDATE
     SET status = 'pending', attempt_number = excluded.attempt_number, next_retry_at = NULL, updated_at = now()
)`,
  // The rows of several endpoints are locked in one order, so that two transactions with deliveries to the same two do not deadlock. A
  // single one is not locked first: the update would wait for the row version of this statement's snapshot, which transactions that wait
  // for this one may have locked meanwhile.
  settled: (first) => `
deliveries AS (
  UPDATE platform.webhook_deliveries AS d
     SET status = e.status,
         response_status = e.response_status,
         duration_ms = e.duration_ms,
         error_message = CASE WHEN e.status <> 'success' THEN e.error END,
         next_retry_at = CASE WHEN e.status = 'pending' THEN now() + e.after_ms * interval '1 millisecond' END,
         delivered_at = CASE WHEN e.status = 'success' THEN now() END,
         updated_at = now()
    FROM unnest($${first}::bigint[], $${first + 1}::text[], $${first + 2}::boolean[], $${first + 3}::float8[], $${first + 4}::int[],
                $${first + 5}::int[], $${first + 6}::text[])
           AS e (intent_id, status, failure, after_ms, response_status, duration_ms, error)
    JOIN settled AS i ON i.id = e.intent_id
   WHERE d.id = ${rowId}
  RETURNING d.webhook_id, e.status, e.failure, e.response_status
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
  SELECT id FROM platform.webhooks
   WHERE id IN (SELECT webhook_id FROM tally WHERE (SELECT count(*) FROM tally) > 1)
   ORDER BY id
     FOR NO KEY UPDATE
),
counted AS (
  UPDATE platform.webhooks AS w
     SET total_sent = w.total_sent + tally.sent,
         total_failed = w.total_failed + tally.failed,
         last_success_at = CASE WHEN tally.sent > 0 THEN now() ELSE w.last_success_at END,
         last_failure_at = CASE WHEN tally.failure THEN now() ELSE w.last_failure_at END,
         status = CASE WHEN tally.gone THEN 'failed' ELSE w.status END,
         updated_at = now()
    FROM tally
   WHERE (SELECT count(*) FROM locked) >= 0 AND w.id = tally.webhook_id AND (tally.sent > 0 OR tally.failure OR tally.gone)
)`,
  settledInOurs: '',
  forgotten: `
deliveries AS (
  UPDATE platform.webhook_deliveries AS d
     SET payload = '{}', status = CASE WHEN d.status = 'pending' THEN 'failed' ELSE d.status END, next_retry_at = NULL,
         error_message = CASE WHEN d.status = 'pending' THEN 'Forgotten by an operator.' ELSE d.error_message END, updated_at = now()
    FROM erased AS i
   WHERE d.id = ${rowId}
)`,
  abandoned: `
deliveries AS (
  UPDATE platform.webhook_deliveries AS d
     SET status = 'failed', next_retry_at = NULL, updated_at = now(),
         error_message = 'The endpoint was away for longer than all retries take.'
    FROM abandoned AS i
   WHERE d.id = ${rowId} AND d.status = 'pending'
  RETURNING d.webhook_id
),
counted AS (
  UPDATE platform.webhooks AS w
     SET total_failed = w.total_failed + failed.count, updated_at = now()
    FROM (SELECT webhook_id, count(*) AS count FROM deliveries GROUP BY webhook_id) AS failed
   WHERE w.id = failed.webhook_id
)`,
  outcomeParameters(outcomes) {
    const followed = outcomes.filter(({ settlement }) => settlement.is !== 'moved')
    return [
      sqlArray(followed, ({ intent }) => intent.id),
      sqlArray(followed, statusOf),
      sqlArray(followed, (outcome) => String(isFailure(outcome))),
      sqlArray(followed, ({ settlement }) => ('afterMs' in settlement ? settlement.afterMs : null)),
      sqlArray(followed, ({ reply }) => reply.status),
      sqlArray(followed, ({ reply }) => (reply.durationMs === undefined ? null : Math.round(reply.durationMs))),
      sqlArray(followed, ({ settlement, reply }) => reply.error ?? (settlement.is === 'moved' ? null : settlement.reason)),
    ]
  },
}

function statusOf({ settlement }: LoggedOutcome): 'success' | 'pending' | 'failed' {
  if (settlement.is !== 'final') return 'pending'
  return settlement.state === 'sent' || settlement.state === 'delivered' ? 'success' : 'failed'
}

/** Whether the endpoint failed this attempt: a skip is our decision, and a wait counted no attempt. */
function isFailure({ settlement }: LoggedOutcome): boolean {
  if (settlement.is === 'final') return settlement.state === 'dead' || settlement.state === 'rejected'
  return settlement.is === 'ambiguous' || (settlement.is === 'later' && settlement.as === 'retry')
}
