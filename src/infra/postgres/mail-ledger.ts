import type { Ledger, LedgerEnd } from '../../delivery/intent-store.ts'

/**
 * One row of `email_logs` per mail: written when the mail is first handed over, from what was frozen in the intent, and
 * following its state. Its id is made of the intent's group and key, so that every attempt finds the same row.
 */
export function createMailLedger(): Ledger {
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
        followed.map(({ reply }) => reply.providerId ?? null),
        followed.map(errorOf),
      ])
    },
  }
}

function statusOf({ settlement }: LedgerEnd): 'sent' | 'pending' | 'failed' {
  if (settlement.is !== 'final') return 'pending'
  return settlement.state === 'sent' || settlement.state === 'delivered' ? 'sent' : 'failed'
}

function errorOf({ settlement, reply }: LedgerEnd): string | null {
  return reply.error ?? (settlement.is === 'moved' ? null : settlement.reason)
}

const rowId = `md5(i.group_name || ':' || i.key)::uuid`

// The platform knows fewer types than we send. A template that was deleted for good meanwhile must not stop the mail. A row
// that is there already belongs to an earlier attempt; only one that had failed for good is opened again.
const startedStatement = `
INSERT INTO public.email_logs AS l (id, campaign_id, user_id, template_id, recipient_email, subject, type)
SELECT ${rowId}, i.campaign_id, i.user_id,
       (SELECT t.id FROM public.email_templates AS t WHERE t.id = (i.envelope->>'templateId')::uuid),
       i.envelope->>'to', i.envelope->>'subject',
       CASE WHEN i.envelope->>'type' IN ('verification', 'welcome', 'position_update', 'reward_earned', 'milestone')
            THEN i.envelope->>'type' ELSE 'custom' END
  FROM worker.intents AS i
 WHERE i.id = ANY ($1::bigint[])
ON CONFLICT (id) DO UPDATE
   SET status = 'pending', failed_at = NULL, error_message = NULL, updated_at = now()
 WHERE l.status = 'failed'`

// Delivered, opened, clicked and bounced are the platform's, told by the provider, sometimes before we have recorded the
// reply ourselves: they are newer than anything that we can say.
const endedStatement = `
UPDATE public.email_logs AS l
   SET status = CASE WHEN l.status IN ('pending', 'sent', 'failed') THEN s.status ELSE l.status END,
       sent_at = CASE WHEN s.status = 'sent' THEN coalesce(l.sent_at, now()) ELSE l.sent_at END,
       provider_message_id = CASE WHEN s.status = 'sent' THEN coalesce(s.provider_id, i.envelope->>'messageId') ELSE l.provider_message_id END,
       failed_at = CASE WHEN s.status = 'failed' THEN now() END,
       error_message = CASE WHEN s.status <> 'sent' THEN s.error END,
       updated_at = now()
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS s (intent_id, status, provider_id, error)
  JOIN worker.intents AS i ON i.id = s.intent_id
 WHERE l.id = ${rowId}`
