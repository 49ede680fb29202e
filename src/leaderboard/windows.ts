import type { FullBecause } from './leaderboard.ts'
import type { Sql } from '../std/sql.ts'
import type { RankRun, Written } from './ranking-run.ts'
import { edge, isDirty, ranked, scoreBy, settingOfCampaign, writeChanges } from './rule.ts'

/**
 * With more dirty rows than this, and more than one in so many ranked rows, a full ranking is cheaper than windows. Measured at 10 points
 * per referral: equal at one in 25 of 10,000 participants, one in 30 of 100,000, and not far from that at a million.
 */
const MANY_DIRTY = 1_000
const MANY_DIRTY_SHARE = 50

/**
 * Ranks the participants between the old and the new position of each one who changed, and nobody else; writes the rows that differ.
 * Where a full ranking is required or cheaper it writes nothing and returns the reason.
 *
 * A window is a range of scores. It spans the old and the new score of a participant who moved; a participant who joined or left opens
 * one without an end, because everybody behind moves by one. A window with an end therefore holds as many participants afterwards as
 * before, rows between windows stay as they are, and a window is numbered from the position just before it.
 *
 * Planned at each execution, without scans of whole tables (planner-settings.ts): with a plan for a campaign of ten, a campaign of a
 * million takes hundreds of milliseconds instead of two.
 */
export async function rankWindows({ campaignId, beganAt, historyLimit }: RankRun, tx: Sql): Promise<Written | FullBecause> {
  const [row] = await tx.query<Written & { because: FullBecause | null }>(windowStatement, [campaignId, historyLimit, beganAt])
  if (row === undefined) throw new Error('The statement that ranks windows returned no row.')
  return row.because ?? { changes: row.changes, written: row.written }
}

const windowStatement = `
WITH setting AS MATERIALIZED (
  SELECT points, ${edge('ranked_ppr', 'ASC')} AS ranked_with, coalesce(${edge('position', 'DESC')}, 0) AS ranked FROM (${settingOfCampaign}) AS s
),
dirty AS MATERIALIZED (
  SELECT u.id, u.created_at, u.position, u.ranked_score, u.ranked_ppr, ${scoreBy('setting.points')} AS score
    FROM platform.waitlist_users AS u
   CROSS JOIN setting
   WHERE u.campaign_id = $1 AND ${isDirty}
   LIMIT (SELECT greatest(${MANY_DIRTY}, ranked / ${MANY_DIRTY_SHARE}) + 1 FROM setting)
),
beforehand AS MATERIALIZED (
  SELECT CASE WHEN ranked_with IS NULL THEN 'first'
              WHEN ranked_with <> points THEN 'points'
              WHEN (SELECT count(*) FROM dirty) > greatest(${MANY_DIRTY}, ranked / ${MANY_DIRTY_SHARE}) THEN 'many' END AS because
    FROM setting
),
windows AS MATERIALIZED (
  SELECT w.low, w.high, coalesce(${edge('position', 'DESC', ' AND u.ranked_score < w.low')}, 0) AS base
    FROM (SELECT lower(range) AS low, coalesce(upper(range) - 1, 9223372036854775807) AS high
            FROM unnest((SELECT range_agg(int8range(least(ranked_score, score),
                                                    CASE WHEN ranked_score IS NOT NULL AND score IS NOT NULL THEN greatest(ranked_score, score) END,
                                                    '[]'))
                           FROM dirty
                          WHERE (SELECT because IS NULL FROM beforehand))) AS range) AS w
),
inside AS MATERIALIZED (
  SELECT w.low, w.base, u.id, u.created_at, u.position, u.ranked_score, u.ranked_ppr, ${scoreBy('(SELECT points FROM setting)')} AS score
    FROM windows AS w
   CROSS JOIN LATERAL (
     SELECT * FROM platform.waitlist_users AS u WHERE ${ranked} AND u.ranked_score >= w.low AND u.ranked_score <= w.high OFFSET 0) AS u
),
verdict AS MATERIALIZED (
  SELECT CASE WHEN (SELECT because FROM beforehand) IS NOT NULL THEN (SELECT because FROM beforehand)
              WHEN NOT coalesce(bool_and(position = counted AND ranked_ppr = (SELECT points FROM setting)), true) THEN 'unsure' END AS because
    FROM (SELECT position, ranked_ppr, base + row_number() OVER (PARTITION BY low ORDER BY ranked_score, created_at, id) AS counted FROM inside) AS stored
),
numbered AS (
  SELECT *, (base + row_number() OVER (PARTITION BY low ORDER BY score, created_at, id))::int AS new_position
    FROM (SELECT * FROM inside WHERE score IS NOT NULL
          UNION ALL
          SELECT w.low, w.base, d.* FROM dirty AS d CROSS JOIN (SELECT low, base FROM windows ORDER BY low DESC LIMIT 1) AS w
           WHERE d.ranked_score IS NULL) AS members
),
changes AS MATERIALIZED (
  SELECT id, position AS old_position, ranked_score AS old_score, new_position, score, (SELECT points FROM setting) AS points
    FROM numbered
   WHERE (SELECT because IS NULL FROM verdict)
     AND (position <> new_position OR ranked_score IS DISTINCT FROM score OR ranked_ppr <> (SELECT points FROM setting))
  UNION ALL
  SELECT id, position, ranked_score, position, NULL, ranked_ppr
    FROM inside
   WHERE score IS NULL AND (SELECT because IS NULL FROM verdict)
),
${writeChanges}
SELECT (SELECT because FROM verdict) AS because,
       (SELECT count(*)::int FROM changes) AS changes, (SELECT count(*)::int FROM written) AS written`
