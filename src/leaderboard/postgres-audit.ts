import type { LeaderboardHistory } from './leaderboard.ts'
import type { Busy, CampaignAudit, LeaderboardAuditor, LockHolder } from './audit.ts'
import { SqlError, type Sql, type Database } from '../std/sql.ts'
import { anyPlan } from './planner-settings.ts'
import { rankAll, wholeRanking } from './whole-ranking.ts'
import { createLeaderboard } from './postgres-leaderboard.ts'
import { pendingRecalculation } from './pending-recalculation.ts'
import { beginRun, campaignLock, historyLimits, recordRun } from './ranking-run.ts'
import { edge, isDirty, isRanked } from './rule.ts'

export interface AuditorOptions {
  /** The group that recalculates, with its prefix. */
  readonly group: string
  readonly history: LeaderboardHistory
  /** The most differences to name. */
  readonly named: number
}

/** Lock timeout for rows, the same as that of a recalculation; milliseconds. */
const LOCK_TIMEOUT_MS = 500
/** SQLSTATEs that pass: lock timeout, deadlock, and our own for a row that was deleted during the repair. */
const PASSING = new Set(['55P03', '40P01', '40001'])

/**
 * Compares stored positions with a full ranking, under the lock that recalculations take, so that none of them is in progress. The
 * rows are counted in the database.
 */
export function createLeaderboardAuditor(database: Database, options: AuditorOptions): LeaderboardAuditor {
  return {
    campaigns: async (only) => {
      const rows = await database.sql.query<{ id: string }>(campaignsStatement, [only])
      return rows.map(({ id }) => id)
    },
    audit: async (campaignId, { repair }) => {
      const audited = await orBusy(campaignId, () => database.transaction((tx) => audit(tx, campaignId, repair, options)))
      // After the commit, as a recalculation does: a mail that is prepared now must see the new positions.
      if ('repaired' in audited && audited.repaired !== null) await createLeaderboard(database, options).wakeWaitingMails(campaignId)
      return audited
    },
    holder: async (campaignId) => {
      const [row] = await database.sql.query<LockHolder>(holderStatement, [campaignId])
      return row ?? null
    },
  }
}

const campaignsStatement = `SELECT id FROM platform.campaigns WHERE CASE WHEN $1::uuid IS NULL THEN deleted_at IS NULL ELSE id = $1 END ORDER BY id`

type Audited = CampaignAudit | Omit<Busy, 'holder'>

async function orBusy(campaignId: string, work: () => Promise<Audited>): Promise<Audited> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof SqlError && PASSING.has(error.state ?? '')) return { campaignId, busy: 'rows' }
    throw error
  }
}

async function audit(tx: Sql, campaignId: string, repair: boolean, { group, history, named }: AuditorOptions): Promise<Audited> {
  const beganAt = await beginRun(campaignId, tx, LOCK_TIMEOUT_MS)
  if (beganAt === null) return { campaignId, busy: 'lock' }
  await tx.query(`SELECT ${anyPlan}`)
  const [found] = await tx.query<Pick<CampaignAudit, 'people' | 'misplaced' | 'stale' | 'differences' | 'first'>>(auditStatement, [
    campaignId,
    named,
  ])
  if (found === undefined) throw new Error('The statement that audits returned no row.')
  const pending = await pendingRecalculation(tx, group, campaignId)
  if (!repair || found.differences === 0) return { campaignId, ...found, pending, repaired: null }

  const run = { campaignId, beganAt, historyLimit: historyLimits[history] }
  const { changes, written } = await rankAll(run, tx)
  // A row was deleted physically between read and write, and has left a gap.
  if (written < changes) throw new SqlError('Participants were deleted while they were ranked.', { state: '40001' })
  await recordRun(run, 'full', written, tx)
  return { campaignId, ...found, pending, repaired: written }
}

// Nulls come last, so the ranked rows are numbered from 1. A row that was ranked with other points than the campaign has now is stale if
// the first row was, too (the sweep compares only that one), and otherwise misplaced, like a position that is not the row's number.
const auditStatement = `
WITH ${wholeRanking},
setting_now AS MATERIALIZED (SELECT points, ${edge('ranked_ppr', 'ASC')} <> points AS points_changed FROM setting),
stored AS (
  SELECT u.position, u.ranked_score IS NOT NULL AS ranked, u.ranked_ppr <> s.points AS other_points, ${isRanked} AS takes_part, ${isDirty} AS dirty,
         row_number() OVER (ORDER BY u.ranked_score, u.created_at, u.id) AS counted, s.points_changed
    FROM platform.waitlist_users AS u
   CROSS JOIN setting_now AS s
   WHERE u.campaign_id = $1
)
SELECT count(*) FILTER (WHERE takes_part)::int AS people,
       count(*) FILTER (WHERE ranked AND (position <> counted OR (other_points AND NOT points_changed AND NOT dirty)))::int AS misplaced,
       count(*) FILTER (WHERE dirty OR (ranked AND other_points AND points_changed))::int AS stale,
       (SELECT count(*)::int FROM changes) AS differences,
       (SELECT coalesce(json_agg(json_build_object('userId', id, 'stored', stored, 'right', "right") ORDER BY new_position, id), '[]')
          FROM (SELECT id, new_position, CASE WHEN old_score IS NOT NULL THEN old_position END AS stored,
                       CASE WHEN score IS NOT NULL THEN new_position END AS "right"
                  FROM changes ORDER BY new_position, id LIMIT $2) AS few) AS first
  FROM stored`

// pg_locks shows a key of 64 bits as two halves, with 1 in objsubid.
const holderStatement = `
SELECT l.pid, a.application_name AS application, extract(epoch FROM clock_timestamp() - a.xact_start)::int AS seconds
  FROM pg_locks AS l
  LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (l.classid::bigint << 32) | l.objid::bigint = ${campaignLock}
 LIMIT 1`
