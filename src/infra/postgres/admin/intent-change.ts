import type { IntentChange, IntentLine, RecordOutcome } from '../../../admin/intents/intent-admin.ts'
import type { Sql } from '../../../std/sql.ts'
import { intentColumns, intentOf, type IntentRow } from '../intents/intent-row.ts'
import { sqlArray } from '../../../std/sql-array.ts'

/**
 * Moves the intents that are still as they were seen, and the delivery logs' rows with them. Rows that a worker has
 * locked count as moved, so that no worker is waited for. Returns the ids that were changed.
 */
export async function changeIntents(
  tx: Sql,
  change: IntentChange,
  seen: readonly Pick<IntentLine, 'id' | 'state' | 'claims'>[],
  record: RecordOutcome,
): Promise<readonly string[]> {
  const rows = await tx.query<IntentRow>(statements[change], [
    sqlArray(seen, ({ id }) => id),
    sqlArray(seen, ({ state }) => state),
    sqlArray(seen, ({ claims }) => claims),
  ])
  if (change === 'cancel' || change === 'mark-sent') {
    const outcome = { ok: change === 'mark-sent', final: true, reason: change === 'cancel' ? 'cancelled' : null }
    // A coalesced intent keeps no state of its own, and its row is gone.
    for (const row of rows) if (!row.coalesce) await record(intentOf(row), outcome, tx)
  }
  return rows.map(({ id }) => id)
}

// Claims only grow, so a row that was claimed and came back to the same state meanwhile is recognised.
const seenRows = `
seen AS MATERIALIZED (
  SELECT i.id, i.state, i.coalesce
    FROM unnest($1::bigint[], $2::text[], $3::int[]) AS s (id, state, claims)
    JOIN worker.intents AS i ON i.id = s.id AND i.state = s.state AND i.claims = s.claims AND i.state NOT IN ('claimed', 'handing_over')
     FOR UPDATE OF i SKIP LOCKED
)`

/**
 * Without an owner a late reply of the former worker no longer counts. An intent in doubt keeps its count of doubts: in doubt once more,
 * it is held again.
 */
const retry = `
WITH ${seenRows}
UPDATE worker.intents AS i
   SET state = 'pending', due_at = now(), attempt = CASE WHEN seen.state IN ('ambiguous', 'held') THEN i.attempt ELSE 0 END,
       reason = NULL, waiting_since = NULL, owner = NULL, lease_until = NULL, finished_at = NULL
  FROM seen
 WHERE i.id = seen.id AND NOT i.coalesce AND i.reason IS DISTINCT FROM 'forgotten'
RETURNING i.*`

/**
 * Attempts, reason and the time of waiting stay: what it waits for is judged again, and a wait that has a limit keeps it. The claims of the row
 * do not grow, and no worker has it.
 */
const hurry = `
WITH ${seenRows}
UPDATE worker.intents AS i SET due_at = least(i.due_at, now())
  FROM seen
 WHERE i.id = seen.id AND seen.state = 'pending'
RETURNING i.*`

const cancel = `
WITH ${seenRows},
dropped AS (
  DELETE FROM worker.intents WHERE id = ANY (ARRAY(SELECT id FROM seen WHERE coalesce)) RETURNING *
),
ended AS (
  UPDATE worker.intents AS i
     SET state = 'cancelled', reason = 'by-operator', owner = NULL, lease_until = NULL, waiting_since = NULL, finished_at = now()
    FROM seen
   WHERE i.id = seen.id AND NOT i.coalesce
  RETURNING i.*, seen.state AS was
),
mails AS (
  UPDATE platform.email_logs AS l
     SET status = 'failed', failed_at = now(), updated_at = now(),
         error_message = CASE WHEN ended.was = 'pending' THEN 'Cancelled by an operator.' ELSE 'Cancelled by an operator; it may have gone out.' END
    FROM ended
   WHERE l.id = md5(ended.group_name || ':' || ended.key)::uuid AND l.status = 'pending'
),
deliveries AS (
  UPDATE platform.webhook_deliveries AS d
     SET status = 'failed', next_retry_at = NULL, error_message = 'Cancelled by an operator.', updated_at = now()
    FROM ended
   WHERE d.id = md5(ended.group_name || ':' || ended.key)::uuid AND d.status = 'pending'
)
SELECT ${intentColumns} FROM dropped UNION ALL SELECT ${intentColumns} FROM ended`

const markSent = `
WITH ${seenRows},
ended AS (
  UPDATE worker.intents AS i
     SET state = 'sent', reason = 'by-operator', owner = NULL, lease_until = NULL, envelope = envelope - 'content', body = NULL, finished_at = now()
    FROM seen
   WHERE i.id = seen.id AND seen.state = 'held'
  RETURNING i.*
),
mails AS (
  UPDATE platform.email_logs AS l
     SET status = 'sent', sent_at = coalesce(l.sent_at, now()), failed_at = NULL, error_message = NULL, updated_at = now(),
         provider_message_id = coalesce(l.provider_message_id, ended.envelope ->> 'messageId')
    FROM ended
   WHERE l.id = md5(ended.group_name || ':' || ended.key)::uuid AND l.status IN ('pending', 'failed')
)
SELECT * FROM ended`

const statements: Readonly<Record<IntentChange, string>> = { retry, hurry, cancel, 'mark-sent': markSent }
