/**
 * The words of the ranking rule as SQL over a row of `waitlist_users`, in one place: indexes, sweep, recalculations and audit must
 * mean the same by them.
 */

/** Who takes part. */
export const isRanked = `deleted_at IS NULL AND status NOT IN ('blocked','removed')`

/**
 * Stored rank and source columns disagree. Word for word the predicate of the index `waitlist_users_dirty`: the planner uses it
 * for no other.
 */
export const isDirty =
  `ranked_score IS DISTINCT FROM CASE WHEN ${isRanked} ` +
  `THEN original_position::bigint - verified_referral_count::bigint * ranked_ppr END`

/** The score by the rule, with `points` per referral; NULL for who takes no part. */
export const scoreBy = (points: string) =>
  `CASE WHEN ${isRanked} THEN original_position::bigint - verified_referral_count::bigint * ${points} END`

/** The points per referral of the campaign `$1`, as one row, or none when there is no such campaign. */
export const settingOfCampaign = `SELECT worker.points_per_referral(referral_config) AS points FROM platform.campaigns WHERE id = $1`

/** Who stands in the ranking of the campaign `$1`, over `waitlist_users AS u`: the predicate of the index `waitlist_users_ranked`. */
export const ranked = 'u.campaign_id = $1 AND u.ranked_score IS NOT NULL'

/** A column of the first (`ASC`) or last of those ranked, `among` them by a further condition; along the index. */
export const edge = (column: string, direction: 'ASC' | 'DESC', among = '') =>
  `(SELECT u.${column} FROM platform.waitlist_users AS u WHERE ${ranked}${among} ` +
  `ORDER BY u.ranked_score ${direction}, u.created_at ${direction}, u.id ${direction} LIMIT 1)`

/**
 * The end of a statement that made `changes (id, was_at, had_score, place, score, points)`: writes them, remembers the largest
 * movements as history, and tells how many rows there were and how many were written. Parameters: `$1` campaign, `$2` how many
 * movements to remember (NULL: all), `$3` when the run began.
 *
 * What is written comes from the read alone. A participant whom the platform changes between our read and our write gets the
 * rank of the state we read, the index of dirty rows sees the difference, and the next recalculation mends it. Taking the
 * score from the live row instead would store a score that does not belong to the position beside it, and look clean.
 *
 * updated_at is left alone: it tells when a participant was changed, not when others passed him.
 */
export const writeChanges = `
written AS (
  UPDATE platform.waitlist_users AS u
     SET position = c.place, ranked_score = c.score, ranked_ppr = c.points
    FROM changes AS c
   WHERE u.id = c.id
  RETURNING u.id
),
remembered AS (
  INSERT INTO worker.position_changes (campaign_id, user_id, at, since, from_position, to_position, from_score, to_score)
  SELECT $1, id, $3::timestamptz, (SELECT began_at FROM worker.recalculations WHERE campaign_id = $1),
         CASE WHEN had_score IS NOT NULL THEN was_at END, CASE WHEN score IS NOT NULL THEN place END, had_score, score
    FROM changes
   ORDER BY had_score IS DISTINCT FROM score DESC, abs(place - was_at) DESC, place
   LIMIT $2
)`
