import type { Intent, IntentDraft } from '../../../model/intent.ts'
import type { Sql } from '../../../std/sql.ts'

/**
 * Inserts the drafts of an intent, as intents of its group, event and, where the draft says nothing else, class. A key that
 * exists changes nothing. In the order of the keys, so that two transactions that write the same keys do not deadlock.
 */
export async function insertDrafts(parent: Intent, drafts: readonly IntentDraft[], tx: Sql): Promise<void> {
  if (drafts.length === 0) return
  const rows = drafts.toSorted((one, other) => (one.key < other.key ? -1 : 1))
  await tx.query(insertStatement, [
    parent.group,
    parent.eventId,
    parent.id,
    parent.class,
    rows.map(({ kind }) => kind),
    rows.map(({ version }) => version),
    rows.map(({ channel }) => channel),
    rows.map(({ key }) => key),
    rows.map((draft) => draft.coalesce ?? false),
    rows.map((draft) => draft.class ?? null),
    rows.map(({ campaignId }) => campaignId),
    rows.map(({ userId }) => userId ?? null),
    rows.map(({ destination }) => destination ?? null),
    rows.map(({ data }) => JSON.stringify(data)),
    parent.correlationId,
    parent.traceparent,
  ])
}

// event_at is copied from the parent's row: a Date would round it to milliseconds.
const insertStatement = `
INSERT INTO worker.intents (group_name, event_id, event_at, kind, version, channel, key, coalesce, class, campaign_id, user_id, destination, data,
  correlation_id, traceparent)
SELECT $1, $2, (SELECT event_at FROM worker.intents WHERE id = $3),
       d.kind, d.version, d.channel, d.key, d.coalesce, coalesce(d.class, $4), d.campaign_id, d.user_id, d.destination, d.data, $15, $16
  FROM unnest($5::text[], $6::int[], $7::text[], $8::text[], $9::boolean[], $10::text[], $11::uuid[], $12::uuid[], $13::text[], $14::jsonb[])
    WITH ORDINALITY AS d (kind, version, channel, key, coalesce, class, campaign_id, user_id, destination, data, n)
 ORDER BY d.n
ON CONFLICT DO NOTHING`
