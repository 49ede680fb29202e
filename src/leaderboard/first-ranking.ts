import { OperatorError } from '../std/failure.ts'
import type { Sql } from '../std/sql.ts'
import { dirtyCampaigns } from './sweep.ts'
import type { RankRun, Written } from './ranking-run.ts'
import { edge, isDirty, isRanked, ranked, scoreBy, settingOfCampaign, writeChanges } from './rule.ts'

// Who takes part and has no rank is dirty: the index of dirty rows holds all of them, and when the work is done hardly anybody else.
const unranked = `${isDirty} AND u.ranked_score IS NULL`

// One probe of the index for a campaign with dirty rows, none for any other.
const withUnranked = `
FROM platform.campaigns AS c
WHERE c.deleted_at IS NULL AND EXISTS (SELECT FROM platform.waitlist_users AS u WHERE u.campaign_id = c.id AND ${unranked})`

/**
 * Campaigns that are not deleted and have participants without a rank, by id; only the one that was asked for, if one was.
 *
 * @throws {OperatorError} when that does not exist.
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

/** Where the first ranking of a campaign stands. */
export interface FirstRank {
  /** The setting, and what those who are ranked were ranked with; null: nobody is. */
  readonly points: number
  readonly rankedWith: number | null
  /** How many are ranked, by the position of the last of them; and how many who take part are not. */
  readonly ranked: number
  readonly unranked: number
  /** The text of a timestamptz, read before the table was. */
  readonly at: string
}

/** Null: there is no such campaign. */
export async function lookAtFirstRank(campaignId: string, sql: Sql): Promise<FirstRank | null> {
  const [row] = await sql.query<FirstRank>(lookStatement, [campaignId])
  return row ?? null
}

const lookStatement = `
SELECT clock_timestamp()::text AS at, s.points, ${edge('ranked_ppr', 'DESC')} AS "rankedWith", coalesce(${edge('position', 'DESC')}, 0) AS ranked,
       (SELECT count(*)::int FROM platform.waitlist_users AS u WHERE u.campaign_id = $1 AND ${unranked}) AS unranked
  FROM (${settingOfCampaign}) AS s`

export interface Unranked {
  readonly id: string
  /** As it was read. */
  readonly score: string
}

/**
 * Puts those who have no rank and stand behind everybody who has one into the order of the rule, as a cursor of the session: `tx` is
 * its transaction, and the commit does the work, once for all batches. The server keeps the order on its disk, some 40 bytes for each;
 * no right to create tables is needed, no snapshot and no lock stays.
 */
export async function orderUnranked({ campaignId, points }: { campaignId: string; points: number }, tx: Sql): Promise<void> {
  // All of it is wanted, not the first few.
  await tx.query(`SELECT set_config('cursor_tuple_fraction', '1', true), set_config('enable_seqscan', 'on', true)`)
  await tx.query(orderStatement, [campaignId, points])
}

/** The next ones of that order; none: its end. */
export async function nextUnranked(rows: number, sql: Sql): Promise<readonly Unranked[]> {
  return sql.query<Unranked>(`FETCH ${rows} FROM leaderboard_backfill`)
}

export async function forgetOrder(sql: Sql): Promise<void> {
  await sql.query('CLOSE leaderboard_backfill')
}

const orderStatement = `
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
 * Ranks a batch of that order behind the last who is ranked, in one statement that is a transaction of its own: whoever is killed or
 * frozen while it runs keeps no row locked. All of the batch is locked first and numbered then, so that nobody who is deleted for good,
 * blocked or moved away meanwhile leaves a gap; he is left out, and clean. Of whoever stays the score of the read is written, as
 * {@link writeChanges} has it.
 *
 * Resolves to the setting of the campaign as well; null when it is gone.
 */
export async function rankBatch(
  { campaignId, beganAt, remember, points }: RankRun & { readonly points: number },
  batch: readonly Unranked[],
  sql: Sql,
): Promise<Written & { readonly setting: number | null }> {
  const [row] = await sql.query<Written & { setting: number | null }>(batchStatement, [
    campaignId,
    remember,
    beganAt,
    batch.map(({ id }) => id),
    batch.map(({ score }) => score),
    points,
  ])
  if (row === undefined) throw new Error('The statement that ranks a batch returned no row.')
  return row
}

// Each of the batch by its key, whatever the planner believes of the table: a subquery that locks is done for each by itself, and no index
// knows IS NOT DISTINCT FROM. By a join, or along an index on the campaign, all of the campaign would be read for each of them.
const batchStatement = `
WITH behind AS MATERIALIZED (SELECT coalesce(${edge('position', 'DESC')}, 0) AS last),
held AS MATERIALIZED (
  SELECT u.id, u.position, b.score, b.place
    FROM unnest($4::uuid[], $5::bigint[]) WITH ORDINALITY AS b (id, score, place)
   CROSS JOIN LATERAL (
     SELECT u.id, u.position FROM platform.waitlist_users AS u
      WHERE u.id = b.id AND u.campaign_id IS NOT DISTINCT FROM $1 AND u.ranked_score IS NULL AND ${isRanked}
        FOR NO KEY UPDATE) AS u
),
changes AS MATERIALIZED (
  SELECT id, position AS was_at, NULL::bigint AS had_score, (last + row_number() OVER (ORDER BY place))::int AS place, score, $6::int AS points
    FROM held CROSS JOIN behind
),
${writeChanges}
SELECT (${settingOfCampaign}) AS setting, (SELECT count(*)::int FROM changes) AS changes, (SELECT count(*)::int FROM written) AS written`

/** Those ranked by their number, and by the position of the last: they differ where somebody who was ranked is deleted for good. */
export async function isDense(campaignId: string, sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ dense: boolean }>(denseStatement, [campaignId])
  return row?.dense === true
}

const denseStatement = `
SELECT count(*) = coalesce(${edge('position', 'DESC')}, 0) AS dense FROM platform.waitlist_users AS u WHERE ${ranked}`
