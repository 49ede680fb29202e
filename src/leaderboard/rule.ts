/**
 * The ranking rule as SQL over a row of `waitlist_users`, in one place: indexes, sweep, recalculations and audit must use the same
 * expressions.
 */

/** The participants that are ranked. */
export const isRanked = `deleted_at IS NULL AND status NOT IN ('blocked','removed')`

/**
 * Stored rank and source columns disagree. Word for word the predicate of the index `waitlist_users_dirty`: the planner uses it
 * for no other expression.
 */
export const isDirty =
  `ranked_score IS DISTINCT FROM CASE WHEN ${isRanked} ` +
  `THEN original_position::bigint - verified_referral_count::bigint * ranked_ppr END`

/** The score by the rule, with `points` per referral; NULL for those that are not ranked. */
export const scoreBy = (points: string) =>
  `CASE WHEN ${isRanked} THEN original_position::bigint - verified_referral_count::bigint * ${points} END`

/** The points per referral of the campaign `$1`, as one row, or none when there is no such campaign. */
export const settingOfCampaign = `SELECT worker.points_per_referral(referral_config) AS points FROM platform.campaigns WHERE id = $1`

/** The rows in the ranking of the campaign `$1`, over `waitlist_users AS u`: the predicate of the index `waitlist_users_ranked`. */
export const ranked = 'u.campaign_id = $1 AND u.ranked_score IS NOT NULL'

/** A column of the first (`ASC`) or last ranked row; `among`: a further condition. Reads one entry of the index. */
export const edge = (column: string, direction: 'ASC' | 'DESC', among = '') =>
  `(SELECT u.${column} FROM platform.waitlist_users AS u WHERE ${ranked}${among} ` +
  `ORDER BY u.ranked_score ${direction}, u.created_at ${direction}, u.id ${direction} LIMIT 1)`

/**
 * The end of a statement with `changes (id, old_position, old_score, new_position, score, points)`: writes them, and records the
 * largest movements as history. Parameters: `$1` campaign, `$2` the most movements to record (NULL: all), `$3` when the run began.
 *
 * The written values come from the read alone. A participant whom the platform changes between our read and our write gets the rank of
 * the state that was read; the row is then dirty, and the next recalculation corrects it. Taking the score from the live row instead
 * would store a score that does not belong to the position beside it, in a row that looks clean.
 *
 * updated_at is left alone: it says when a participant changed, not when others moved.
 */
export const writeChanges = `
written AS (
  UPDATE platform.waitlist_users AS u
     SET position = c.new_position, ranked_score = c.score, ranked_ppr = c.points
    FROM changes AS c
   WHERE u.id = c.id
  RETURNING u.id
),
history AS (
  INSERT INTO worker.position_changes (campaign_id, user_id, at, since, from_position, to_position, from_score, to_score)
  SELECT $1, id, $3::timestamptz, (SELECT began_at FROM worker.recalculations WHERE campaign_id = $1),
         CASE WHEN old_score IS NOT NULL THEN old_position END, CASE WHEN score IS NOT NULL THEN new_position END, old_score, score
    FROM changes
   ORDER BY old_score IS DISTINCT FROM score DESC, abs(new_position - old_position) DESC, new_position
   LIMIT $2
)`
