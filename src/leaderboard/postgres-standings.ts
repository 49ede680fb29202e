import { instantOf } from '../std/instant.ts'
import type { CampaignStanding, LeaderboardReader, PersonStanding, PositionChange, RankedPerson } from './standings.ts'
import type { Sql } from '../std/sql.ts'
import { pendingRecalculation } from './pending-recalculation.ts'
import { edge, isDirty, ranked, scoreBy, settingOfCampaign } from './rule.ts'

export interface ReaderOptions {
  /** The group that recalculates, with its prefix. */
  readonly group: string
  /** Changed rows are counted up to this. */
  readonly manyDirty: number
}

/** Stored positions, and how they came about. */
export function createLeaderboardReader(sql: Sql, { group, manyDirty }: ReaderOptions): LeaderboardReader {
  return {
    standing: async (campaignId) => {
      const [row] = await sql.query<StandingRow>(standingStatement, [campaignId, manyDirty])
      if (row === undefined) return null
      const { beganAt, committedAt, mode, rowsChanged, ...standing } = row
      const last = beganAt === null ? null : { beganAt, committedAt, mode, rowsChanged }
      return { ...standing, last, pending: await pendingRecalculation(sql, group, campaignId) }
    },
    top: async (campaignId, count) => (await sql.query<AsText<RankedPerson>>(topStatement, [campaignId, count])).map(rankedPerson),
    around: async (campaignId, userId, each) =>
      (await sql.query<AsText<RankedPerson>>(aroundStatement, [campaignId, userId, each])).map(rankedPerson),
    person: async (userId) => {
      const [row] = await sql.query<AsText<PersonStanding>>(personStatement, [userId])
      return row === undefined ? null : { ...row, score: whole(row.score), rankedScore: whole(row.rankedScore) }
    },
    lastChange: async ({ userId, campaignId }, most) => {
      const [row] = await sql.query<AsText<Omit<PositionChange, 'events'>> & { events: readonly EventRow[] }>(changeStatement, [
        userId,
        campaignId,
        group,
        most,
      ])
      if (row === undefined) return null
      const events = row.events.map((event) => ({ ...event, at: instantOf(event.at) }))
      return { ...row, fromScore: whole(row.fromScore), toScore: whole(row.toScore), events }
    },
  }
}

/** As the driver returns it: scores are text. */
type AsText<Row> = { [Key in keyof Row]: Row[Key] extends bigint ? string : bigint extends Row[Key] ? string | null : Row[Key] }
type EventRow = { readonly eventId: string; readonly type: string; readonly at: string }
type Last = NonNullable<CampaignStanding['last']>
type StandingRow = Omit<CampaignStanding, 'last' | 'pending'> & Omit<Last, 'beganAt'> & { readonly beganAt: Date | null }

function rankedPerson(row: AsText<RankedPerson>): RankedPerson {
  return { ...row, score: BigInt(row.score) }
}

function whole(text: string | null): bigint | null {
  return text === null ? null : BigInt(text)
}

// The position of the last ranked row is the number of ranked rows.
const standingStatement = `
SELECT c.id AS "campaignId", c.deleted_at IS NOT NULL AS deleted, setting.points, ${edge('ranked_ppr', 'ASC')} AS "rankedWith",
       coalesce(${edge('position', 'DESC')}, 0) AS ranked,
       (SELECT count(*)::int FROM (SELECT FROM platform.waitlist_users WHERE campaign_id = $1 AND ${isDirty} LIMIT $2) AS few) AS dirty,
       r.began_at AS "beganAt", r.committed_at AS "committedAt", r.mode, r.rows_changed AS "rowsChanged"
  FROM platform.campaigns AS c
 CROSS JOIN (${settingOfCampaign}) AS setting
  LEFT JOIN worker.recalculations AS r ON r.campaign_id = c.id
 WHERE c.id = $1`

const columns = `u.position, u.id AS "userId", u.ranked_score AS score, u.original_position AS "originalPosition",
       u.verified_referral_count AS "verifiedReferrals", u.created_at, u.ranked_ppr, ${isDirty} AS dirty`
/** Ranked people in one direction of the order; `among`: a further condition. */
const people = (among: string, direction: 'ASC' | 'DESC', limit: string) =>
  `(SELECT ${columns} FROM platform.waitlist_users AS u WHERE ${ranked}${among}
     ORDER BY u.ranked_score ${direction}, u.created_at ${direction}, u.id ${direction} LIMIT ${limit})`
const standingColumns = `position, "userId", score, "originalPosition", "verifiedReferrals", dirty OR ranked_ppr <> (${settingOfCampaign}) AS dirty`
const inOrder = `ORDER BY score, near.created_at, "userId"`

const topStatement = `SELECT ${standingColumns} FROM ${people('', 'ASC', '$2')} AS near ${inOrder}`

const rankKey = '(u.ranked_score, u.created_at, u.id)'
const theirRankKey = '(person.ranked_score, person.created_at, person.id)'
const aroundStatement = `
WITH person AS MATERIALIZED (SELECT u.ranked_score, u.created_at, u.id FROM platform.waitlist_users AS u WHERE ${ranked} AND u.id = $2)
SELECT ${standingColumns}
  FROM person
 CROSS JOIN LATERAL (
   ${people(` AND ${rankKey} < ${theirRankKey}`, 'DESC', '$3')}
   UNION ALL
   ${people(` AND ${rankKey} >= ${theirRankKey}`, 'ASC', '$3::int + 1')}) AS near
 ${inOrder}`

const personStatement = `
SELECT u.id AS "userId", u.campaign_id AS "campaignId", u.status, u.deleted_at IS NOT NULL AS deleted, u.position,
       u.original_position AS "originalPosition", u.verified_referral_count AS "verifiedReferrals", setting.points,
       ${scoreBy('setting.points')} AS score, u.ranked_score AS "rankedScore", u.ranked_ppr AS "rankedWith"
  FROM platform.waitlist_users AS u
 CROSS JOIN LATERAL (SELECT worker.points_per_referral(c.referral_config) AS points FROM platform.campaigns AS c WHERE c.id = u.campaign_id) AS setting
 WHERE u.id = $1`

// An event whose recalculation was already pending has no intent of its own; its outcome names the key all the same.
const changeStatement = `
SELECT p.at, p.since, p.from_position AS "fromPosition", p.to_position AS "toPosition", p.from_score AS "fromScore", p.to_score AS "toScore",
       (SELECT coalesce(json_agg(json_build_object('eventId', e.event_id, 'type', e.type, 'at', e.at) ORDER BY e.at DESC, e.event_id), '[]')
          FROM (SELECT o.event_id, o.type, o.at FROM worker.outcomes AS o
                 WHERE o.at >= coalesce(p.since, '-infinity') AND o.at < p.at AND o.group_name = $3
                   AND o.effects @> ARRAY['recalculate:' || $2::uuid]
                 ORDER BY o.at DESC LIMIT $4) AS e) AS events
  FROM (SELECT * FROM worker.position_changes WHERE user_id = $1 AND campaign_id = $2 ORDER BY at DESC LIMIT 1) AS p`
