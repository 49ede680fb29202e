import type { Intent } from '../../../model/intent.ts'
import type { Sql } from '../../../std/sql.ts'
import { backToReplays, dueAgain } from './back-to-replays.ts'

/** The most due intents that one statement searches for others of the campaign and postpones: bounds its cost. */
const LOOKED_THROUGH = 5_000
const PUT_OFF = 1_000
/** Intents resumed in one statement. */
const RESUMED = 1_000

/** In the words of the index `intents_campaign_paused`. */
const isPaused = `state = 'pending' AND reason = 'campaign-paused'`

/**
 * Postpones what is due next of the same campaign, kind and class: preparing each would only give the same answer.
 * Resolves to how many.
 */
export async function postponeCampaign(
  sql: Sql,
  { group, channel, class: cls, campaignId, kind, version }: Intent,
  to: { readonly reason: string; readonly afterMs: number },
): Promise<number> {
  const rows = await sql.query<{ id: string }>(putOffStatement, [group, channel, cls, campaignId, kind, version, to.reason, to.afterMs])
  return rows.length
}

/** Makes a batch of intents due whose campaign is no longer paused. Resolves to their number; `all`: none are left. */
export async function resumeCampaigns(sql: Sql): Promise<{ readonly resumed: number; readonly all: boolean }> {
  const rows = await sql.query<{ id: string }>(wakeStatement)
  return { resumed: rows.length, all: rows.length < RESUMED }
}

const putOffStatement = `
WITH next AS MATERIALIZED (
  SELECT id, campaign_id, kind, version FROM worker.intents
   WHERE group_name = $1 AND channel = $2 AND class = $3 AND state IN ('pending', 'ambiguous') AND due_at <= now()
   ORDER BY due_at, id
   LIMIT ${LOOKED_THROUGH}
),
theirs AS MATERIALIZED (
  SELECT id FROM worker.intents
   WHERE id = ANY (ARRAY(SELECT id FROM next WHERE campaign_id = $4 AND kind = $5 AND version = $6 LIMIT ${PUT_OFF}))
     AND state = 'pending' AND due_at <= now() AND NOT coalesce
     FOR UPDATE SKIP LOCKED
)
UPDATE worker.intents
   SET due_at = now() + $8::float8 * interval '1 millisecond', reason = $7,
       waiting_since = CASE WHEN reason = $7 THEN coalesce(waiting_since, now()) ELSE now() END
 WHERE id = ANY (ARRAY(SELECT id FROM theirs))
RETURNING id`

// The negation of judgeCampaign (src/consumers/eligibility.ts).
const wakeStatement = `
WITH RECURSIVE waiting (campaign_id) AS (
  (SELECT campaign_id FROM worker.intents WHERE ${isPaused} ORDER BY campaign_id LIMIT 1)
  UNION ALL
  SELECT (SELECT i.campaign_id FROM worker.intents AS i WHERE ${isPaused} AND i.campaign_id > waiting.campaign_id ORDER BY i.campaign_id LIMIT 1)
    FROM waiting WHERE waiting.campaign_id IS NOT NULL
),
changed AS MATERIALIZED (
  SELECT waiting.campaign_id
    FROM waiting
    LEFT JOIN platform.campaigns AS c ON c.id = waiting.campaign_id
    LEFT JOIN platform.accounts AS a ON a.id = c.account_id
   WHERE waiting.campaign_id IS NOT NULL
     AND (c.status IS DISTINCT FROM 'paused' OR c.deleted_at IS NOT NULL OR a.status IN ('suspended', 'canceled'))
),
theirs AS MATERIALIZED (
  SELECT i.id, i.replay_job FROM changed
   CROSS JOIN LATERAL (
     SELECT id, replay_job FROM worker.intents WHERE campaign_id = changed.campaign_id AND ${isPaused} ORDER BY id LIMIT ${RESUMED} FOR UPDATE SKIP LOCKED) AS i
   LIMIT ${RESUMED}
),
${backToReplays}
UPDATE worker.intents SET ${dueAgain}
 WHERE id = ANY (ARRAY(SELECT id FROM theirs))
RETURNING id`
