import type { Sql } from '../std/sql.ts'
import { isRanked, scoreBy, settingOfCampaign, writeChanges } from './rule.ts'
import type { RankRun, Written } from './ranking-run.ts'

/**
 * Ranks a whole campaign and writes the rows that differ, in one statement. Participants that are no longer ranked lose their
 * `ranked_score` and keep the last position, since the platform's column takes no NULL.
 */
export async function rankAll({ campaignId, beganAt, historyLimit }: RankRun, tx: Sql): Promise<Written> {
  const [row] = await tx.query<Written>(rankStatement, [campaignId, historyLimit, beganAt])
  return row ?? { changes: 0, written: 0 }
}

/**
 * What a whole ranking of the campaign `$1` would change: `changes (id, old_position, old_score, new_position, score, points)`. PostgreSQL
 * compares uuids byte by byte, which is the order of their canonical text.
 *
 * The setting is materialized; otherwise the function that reads the points would run for each of a million rows.
 */
export const wholeRanking = `
setting AS MATERIALIZED (${settingOfCampaign}),
scored AS (
  SELECT u.id, u.created_at, u.position, u.ranked_score, u.ranked_ppr, setting.points, ${scoreBy('setting.points')} AS score
    FROM platform.waitlist_users AS u
   CROSS JOIN setting
   WHERE u.campaign_id = $1 AND ${isRanked}
),
numbered AS (
  SELECT *, (row_number() OVER (ORDER BY score, created_at, id))::int AS new_position FROM scored
),
changes AS MATERIALIZED (
  SELECT id, position AS old_position, ranked_score AS old_score, new_position, score, points
    FROM numbered
   WHERE position <> new_position OR ranked_score IS DISTINCT FROM score OR ranked_ppr <> points
  UNION ALL
  SELECT id, position, ranked_score, position, NULL, ranked_ppr
    FROM platform.waitlist_users
   WHERE campaign_id = $1 AND ranked_score IS NOT NULL AND NOT (${isRanked})
)`

const rankStatement = `
WITH ${wholeRanking},
${writeChanges}
SELECT (SELECT count(*)::int FROM changes) AS changes, (SELECT count(*)::int FROM written) AS written`
