import type { LoggedOutcome, DeliveryLogSql } from './delivery-log.ts'
import { sqlArray } from '../../../std/sql-array.ts'

const rowId = `md5(i.group_name || ':' || i.key)::uuid`
/** The platform knows fewer types than we send. */
const platformType = (type: string) =>
  `CASE WHEN ${type} IN ('verification', 'welcome', 'position_update', 'reward_earned', 'milestone') THEN ${type} ELSE 'custom' END`

// A recipient that the relay does not know gets no more mail from any campaign of the account. Rows are inserted in one order, so that
// two batches that suppress the same addresses do not deadlock.
const suppressed = `
suppressed AS (
  INSERT INTO worker.suppressions (account_id, address_hash, reason)
  SELECT DISTINCT c.account_id, worker.address_hash(a.address), 'bounced'
    FROM settled AS i
    JOIN platform.campaigns AS c ON c.id = i.campaign_id
   CROSS JOIN LATERAL (VALUES (i.envelope->>'to'), (i.envelope->>'address')) AS a (address)
   WHERE i.state = 'rejected' AND i.reason = 'recipient-refused' AND a.address IS NOT NULL
   ORDER BY 1, 2
  ON CONFLICT DO NOTHING
)`

/** Sets the pending rows of the intents of an expression to `failed`. */
function failPending(intents: string, because: string): string {
  return `
  UPDATE platform.email_logs AS l
     SET status = 'failed', failed_at = now(), error_message = '${because}', updated_at = now()
    FROM ${intents} AS i
   WHERE l.id = ${rowId} AND l.status = 'pending'`
}

/**
 * One row of `email_logs` per mail: written at the first start from what was frozen in the intent, and updated with its state. Its id
 * derives from the group and key of the intent, so that every attempt finds the same row.
 */
export const mailLog: DeliveryLogSql = {
  table: 'email_logs',
  shown: {
    field: 'mail',
    query: `
SELECT jsonb_build_object('id', l.id, 'status', l.status, 'sentAt', l.sent_at, 'failedAt', l.failed_at, 'error', l.error_message)
  FROM platform.email_logs AS l WHERE l.id = ${rowId}`,
  },
  // A template that was deleted meanwhile must not stop the mail. An existing row belongs to an earlier attempt; it becomes pending again
  // only where it had failed.
  started: `
opened AS (
  INSERT INTO platform.email_logs AS l (id, campaign_id, user_id, template_id, recipient_email, subject, type)
  SELECT ${rowId}, i.campaign_id, i.user_id,
         (SELECT t.id FROM platform.email_templates AS t WHERE t.id = (i.envelope->>'templateId')::uuid),
         i.envelope->>'to', i.envelope->>'subject',
         ${platformType("i.envelope->>'type'")}
    FROM started AS i
  ON CONFLICT (id) DO UPDATE
     SET status = 'pending', failed_at = NULL, error_message = NULL, updated_at = now()
   WHERE l.status = 'failed'
)`,
  // A mail that was refused before anything was frozen (its template does not parse, its address is not valid) gets a row that says so.
  // The platform sets delivered, opened, clicked and bounced by what the provider reports, sometimes before the reply is recorded here:
  // they are newer and stay.
  settled: (first) => `
logged AS (
  UPDATE platform.email_logs AS l
     SET status = CASE WHEN l.status IN ('pending', 'sent', 'failed') THEN e.status ELSE l.status END,
         sent_at = CASE WHEN e.status = 'sent' THEN coalesce(l.sent_at, now()) ELSE l.sent_at END,
         provider_message_id = CASE WHEN e.status = 'sent' THEN coalesce(e.provider_id, i.envelope->>'messageId') ELSE l.provider_message_id END,
         failed_at = CASE WHEN e.status = 'failed' THEN now() END,
         error_message = CASE WHEN e.status <> 'sent' THEN e.error END,
         updated_at = now()
    FROM unnest($${first}::bigint[], $${first + 1}::text[], $${first + 2}::text[], $${first + 3}::text[])
           AS e (intent_id, status, provider_id, error)
    JOIN settled AS i ON i.id = e.intent_id
   WHERE l.id = ${rowId}
),
refused AS (
  INSERT INTO platform.email_logs AS l (id, campaign_id, user_id, recipient_email, subject, type, status, failed_at, error_message)
  SELECT ${rowId}, i.campaign_id, i.user_id, u.email, '', ${platformType("i.data->>'type'")}, 'failed', now(), e.error
    FROM unnest($${first}::bigint[], $${first + 1}::text[], $${first + 3}::text[]) AS e (intent_id, status, error)
    JOIN settled AS i ON i.id = e.intent_id
    JOIN platform.waitlist_users AS u ON u.id = i.user_id
   WHERE i.envelope IS NULL AND i.state = 'rejected'
  ON CONFLICT (id) DO UPDATE SET failed_at = now(), error_message = excluded.error_message, updated_at = now()
   WHERE l.status = 'failed'
),${suppressed}`,
  settledInOurs: suppressed,
  // The platform erases the addresses in it.
  forgotten: `
mails AS (${failPending('erased', 'Forgotten by an operator.')}
)`,
  abandoned: `
logged AS (${failPending('abandoned', 'The relay was away for longer than all retries take.')}
)`,
  outcomeParameters(outcomes) {
    const followed = outcomes.filter(({ settlement }) => settlement.is !== 'moved')
    return [
      sqlArray(followed, ({ intent }) => intent.id),
      sqlArray(followed, statusOf),
      sqlArray(followed, ({ reply }) => reply.providerId),
      sqlArray(followed, errorOf),
    ]
  },
}

function statusOf({ settlement }: LoggedOutcome): 'sent' | 'pending' | 'failed' {
  if (settlement.is !== 'final') return 'pending'
  return settlement.state === 'sent' || settlement.state === 'delivered' ? 'sent' : 'failed'
}

function errorOf({ settlement, reply }: LoggedOutcome): string | null {
  return reply.error ?? (settlement.is === 'moved' ? null : settlement.reason)
}
