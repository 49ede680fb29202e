import type { Sql } from '../../std/sql.ts'

/** Who takes part; as SQL over a row of `waitlist_users`. The same words stand in the index `waitlist_users_dirty`. */
const isRanked = `deleted_at IS NULL AND status NOT IN ('blocked','removed')`

/**
 * Ranks a whole campaign and writes the rows that differ, in one statement; returns how many. People who are no longer ranked
 * lose their `ranked_score` and keep the last position, since the platform's column takes no NULL.
 *
 * What is written comes from the read alone. A participant whom the platform changes between our read and our write gets the
 * rank of the state we read, the index of dirty rows sees the difference, and the next recalculation mends it. Taking the
 * score from the live row instead would store a score that does not belong to the position beside it, and look clean.
 */
export async function rankAll(campaignId: string, tx: Sql): Promise<number> {
  const [row] = await tx.query<{ changed: number }>(rankStatement, [campaignId])
  return row?.changed ?? 0
}

// The score is that of the dirty index. PostgreSQL compares uuids byte by byte, which is the order of their canonical text.
// updated_at is left alone: it tells when a participant was changed, not when others passed him.
const rankStatement = `
WITH scored AS (
  SELECT u.id, u.created_at, u.position, u.ranked_score, u.ranked_ppr, p.points,
         u.original_position::bigint - u.verified_referral_count::bigint * p.points AS score
    FROM public.waitlist_users AS u
   CROSS JOIN (SELECT worker.points_per_referral(referral_config) AS points FROM public.campaigns WHERE id = $1) AS p
   WHERE u.campaign_id = $1 AND ${isRanked}
),
placed AS (
  SELECT *, (row_number() OVER (ORDER BY score, created_at, id))::int AS place FROM scored
),
changes AS MATERIALIZED (
  SELECT id, place, score, points
    FROM placed
   WHERE position <> place OR ranked_score IS DISTINCT FROM score OR ranked_ppr <> points
  UNION ALL
  SELECT id, position, NULL, ranked_ppr
    FROM public.waitlist_users
   WHERE campaign_id = $1 AND ranked_score IS NOT NULL AND NOT (${isRanked})
),
written AS (
  UPDATE public.waitlist_users AS u
     SET position = c.place, ranked_score = c.score, ranked_ppr = c.points
    FROM changes AS c
   WHERE u.id = c.id
  RETURNING u.id
)
SELECT count(*)::int AS changed FROM written`
