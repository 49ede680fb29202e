import { OperatorError } from '../std/failure.ts'
import type { Sql } from '../std/sql.ts'
import { dirtyCampaigns } from './sweep.ts'
import type { RankRun, Written } from './ranking-run.ts'
import { edge, isDirty, isRanked, ranked, scoreBy, settingOfCampaign, writeChanges } from './rule.ts'

// A participant without a rank is dirty: the index of dirty rows holds all of them, and hardly anything else once the work is done.
const unranked = `${isDirty} AND u.ranked_score IS NULL`

// One probe of the index for a campaign with dirty rows, none for any other.
const withUnranked = `
FROM platform.campaigns AS c
WHERE c.deleted_at IS NULL AND EXISTS (SELECT FROM platform.waitlist_users AS u WHERE u.campaign_id = c.id AND ${unranked})`

/**
 * Campaigns that are not deleted and have participants without a rank, by id; or `only`.
 *
 * @throws {OperatorError} `only` does not exist.
 */
export async function campaignsToRank(only: string | null, sql: Sql): Promise<readonly string[]> {
  const known = only === null || (await sql.query('SELECT FROM platform.campaigns WHERE id = $1 AND deleted_at IS NULL', [only])).length > 0
  if (!known) throw new OperatorError(`There is no campaign ${only} in this database, or it is deleted: give an id of the table campaigns.`)
  const rows = await (only === null
    ? sql.query<{ id: string }>(
        `WITH RECURSIVE ${dirtyCampaigns} SELECT c.id ${withUnranked} AND c.id IN (SELECT campaign_id FROM dirty) ORDER BY c.id`,
      )
    : sql.query<{ id: string }>(`SELECT c.id ${withUnranked} AND c.id = $1`, [only]))
  return rows.map(({ id }) => id)
}

/** Progress of the first ranking of a campaign. */
export interface RankingProgress {
  /** The setting, and the points that ranked participants were ranked with; null: none is ranked. */
  readonly points: number
  readonly rankedWith: number | null
  /** Participants with a rank, by the position of the last of them, and without. */
  readonly ranked: number
  readonly unranked: number
  /** A timestamptz as text, read before the table. */
  readonly at: string
}

/** Null: there is no such campaign. */
export async function readProgress(campaignId: string, sql: Sql): Promise<RankingProgress | null> {
  const [row] = await sql.query<RankingProgress>(progressStatement, [campaignId])
  return row ?? null
}

const progressStatement = `
SELECT clock_timestamp()::text AS at, s.points, ${edge('ranked_ppr', 'DESC')} AS "rankedWith", coalesce(${edge('position', 'DESC')}, 0) AS ranked,
       (SELECT count(*)::int FROM platform.waitlist_users AS u WHERE u.campaign_id = $1 AND ${unranked}) AS unranked
  FROM (${settingOfCampaign}) AS s`

export interface Unranked {
  readonly id: string
  /** As it was read. */
  readonly score: string
}

/**
 * Sorts the participants without a rank that belong behind every ranked one by the rule, as a cursor of the session: `tx` is its
 * transaction, and the commit does the work, once for all batches. The server keeps the sorted list on its disk, some 40 bytes per row;
 * no right to create tables is needed, and neither snapshot nor lock remains.
 */
export async function openUnranked({ campaignId, points }: { campaignId: string; points: number }, tx: Sql): Promise<void> {
  // All rows will be read, not the first few.
  await tx.query(`SELECT set_config('cursor_tuple_fraction', '1', true), set_config('enable_seqscan', 'on', true)`)
  await tx.query(cursorStatement, [campaignId, points])
}

/** The next rows of the cursor; none: its end. */
export async function nextUnranked(rows: number, sql: Sql): Promise<readonly Unranked[]> {
  return sql.query<Unranked>(`FETCH ${rows} FROM leaderboard_backfill`)
}

export async function closeUnranked(sql: Sql): Promise<void> {
  await sql.query('CLOSE leaderboard_backfill')
}

const cursorStatement = `
DECLARE leaderboard_backfill NO SCROLL CURSOR WITH HOLD FOR
WITH last AS MATERIALIZED (
  SELECT u.ranked_score, u.created_at, u.id FROM platform.waitlist_users AS u WHERE ${ranked}
   ORDER BY u.ranked_score DESC, u.created_at DESC, u.id DESC LIMIT 1
)
SELECT id, score
  FROM (SELECT u.id, u.created_at, ${scoreBy('$2::int')} AS score FROM platform.waitlist_users AS u WHERE u.campaign_id = $1 AND ${unranked}) AS scored
 WHERE NOT EXISTS (SELECT FROM last) OR (score, created_at, id) > (SELECT ranked_score, created_at, id FROM last)
 ORDER BY score, created_at, id`

/**
 * Ranks a batch of the cursor behind the last ranked participant, in one statement that is a transaction of its own: a process that is
 * killed or frozen while it runs keeps no row locked. The whole batch is locked before it is numbered, so that a participant who is
 * deleted, blocked or moved meanwhile leaves no gap; the row is left out, and clean. For the others the score that was read is written,
 * see {@link writeChanges}.
 *
 * Resolves to the setting of the campaign as well; null: the campaign is gone.
 */
export async function rankBatch(
  { campaignId, beganAt, historyLimit, points }: RankRun & { readonly points: number },
  batch: readonly Unranked[],
  sql: Sql,
): Promise<Written & { readonly setting: number | null }> {
  const [row] = await sql.query<Written & { setting: number | null }>(batchStatement, [
    campaignId,
    historyLimit,
    beganAt,
    batch.map(({ id }) => id),
    batch.map(({ score }) => score),
    points,
  ])
  if (row === undefined) throw new Error('The statement that ranks a batch returned no row.')
  return row
}

// Each row of the batch by its key, whatever the planner's statistics: a subquery that locks is run per row, and no index serves
// IS NOT DISTINCT FROM. A join, or an index on the campaign, would read the whole campaign for each row.
const batchStatement = `
WITH behind AS MATERIALIZED (SELECT coalesce(${edge('position', 'DESC')}, 0) AS last),
locked AS MATERIALIZED (
  SELECT u.id, u.position, b.score, b.number
    FROM unnest($4::uuid[], $5::bigint[]) WITH ORDINALITY AS b (id, score, number)
   CROSS JOIN LATERAL (
     SELECT u.id, u.position FROM platform.waitlist_users AS u
      WHERE u.id = b.id AND u.campaign_id IS NOT DISTINCT FROM $1 AND u.ranked_score IS NULL AND ${isRanked}
        FOR NO KEY UPDATE) AS u
),
changes AS MATERIALIZED (
  SELECT id, position AS old_position, NULL::bigint AS old_score, (last + row_number() OVER (ORDER BY number))::int AS new_position, score, $6::int AS points
    FROM locked CROSS JOIN behind
),
${writeChanges}
SELECT (${settingOfCampaign}) AS setting, (SELECT count(*)::int FROM changes) AS changes, (SELECT count(*)::int FROM written) AS written`

/** Compares the number of ranked rows with the last position: they differ after a ranked row was deleted physically. */
export async function isDense(campaignId: string, sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ dense: boolean }>(denseStatement, [campaignId])
  return row?.dense === true
}

const denseStatement = `
SELECT count(*) = coalesce(${edge('position', 'DESC')}, 0) AS dense FROM platform.waitlist_users AS u WHERE ${ranked}`
