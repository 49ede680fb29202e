import type { Sql } from '../std/sql.ts'
import { leaderboardChannel } from './leaderboard-channel.ts'
import { isDirty } from './rule.ts'

/**
 * Writes a recalculation, as an intent of `group`, for each campaign whose stored positions may differ from the rule and that
 * has none pending; returns how many. It reads the rows themselves, so it finds changes without an event.
 */
export async function sweep(sql: Sql, group: string): Promise<number> {
  const [row] = await sql.query<{ written: number }>(sweepStatement, [group])
  return row?.written ?? 0
}

/**
 * `dirty (campaign_id)`, which needs WITH RECURSIVE: it jumps from campaign to campaign along the index, so that a campaign with a
 * million dirty rows costs one probe, like one with a single row, and a clean campaign none.
 */
export const dirtyCampaigns = `
dirty (campaign_id) AS (
  (SELECT campaign_id FROM platform.waitlist_users WHERE ${isDirty} ORDER BY campaign_id LIMIT 1)
  UNION ALL
  SELECT (SELECT u.campaign_id FROM platform.waitlist_users AS u
           WHERE u.campaign_id > dirty.campaign_id AND ${isDirty}
           ORDER BY u.campaign_id LIMIT 1)
    FROM dirty
   WHERE dirty.campaign_id IS NOT NULL
)`

// A full ranking writes the same points to all rows of a campaign, so one of them is enough.
const sweepStatement = `
WITH RECURSIVE ${dirtyCampaigns},
wanted AS (
  SELECT id FROM platform.campaigns WHERE id IN (SELECT campaign_id FROM dirty) AND deleted_at IS NULL
  UNION
  SELECT c.id
    FROM platform.campaigns AS c
   CROSS JOIN LATERAL (
     SELECT u.ranked_ppr FROM platform.waitlist_users AS u
      WHERE u.campaign_id = c.id AND u.ranked_score IS NOT NULL
      ORDER BY u.ranked_score, u.created_at, u.id
      LIMIT 1) AS probe
   WHERE c.deleted_at IS NULL AND probe.ranked_ppr <> worker.points_per_referral(c.referral_config)
),
written AS (
  INSERT INTO worker.intents (group_name, kind, version, channel, key, coalesce, campaign_id)
  SELECT $1, 'recalculate', 1, '${leaderboardChannel.name}', 'recalculate:' || id, true, id
    FROM wanted
   WHERE NOT EXISTS (SELECT FROM worker.intents AS i
                      WHERE i.group_name = $1 AND i.key = 'recalculate:' || wanted.id AND i.coalesce AND i.state = 'pending')
   ORDER BY id
  ON CONFLICT DO NOTHING
  RETURNING id
)
SELECT count(*)::int AS written FROM written`
