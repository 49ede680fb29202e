import { anyPlan } from '../../src/leaderboard/planner-settings.ts'
import { rankAll } from '../../src/leaderboard/whole-ranking.ts'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import { beginRun, historyLimits, recordRun } from '../../src/leaderboard/ranking-run.ts'
import type { Database } from '../../src/std/sql.ts'

/** Of a statement on a slow machine; nothing is given up half measured. */
export const STATEMENT_TIMEOUT_MS = 1_800_000

/** Makes a campaign's stored positions right again, in one transaction under its lock; returns how many rows it wrote. */
export type Way = (database: Database, campaignId: string) => Promise<number>

/** The common way: each event numbers the positions of all participants again and writes them, whether it changed or not. */
export const reference: Way = async (database, campaignId) =>
  database.transaction(async (tx) => {
    // The server counts rows anyway, so counting them costs this way nothing.
    const updated = `pg_stat_get_xact_tuples_updated('waitlist_users'::regclass)::int`
    const [before] = await tx.query<{ rows: number }>(`SELECT pg_advisory_xact_lock(hashtext($1)), ${updated} AS rows`, [campaignId])
    await tx.query(
      `UPDATE platform.waitlist_users AS u
          SET position = ranked.place
         FROM (SELECT w.id, row_number() OVER (
                        ORDER BY w.original_position - w.verified_referral_count * (c.referral_config ->> 'points_per_referral')::int, w.created_at, w.id) AS place
                 FROM platform.waitlist_users AS w
                 JOIN platform.campaigns AS c ON c.id = w.campaign_id
                WHERE w.campaign_id = $1 AND w.deleted_at IS NULL AND w.status NOT IN ('blocked', 'removed')) AS ranked
        WHERE u.id = ranked.id`,
      [campaignId],
    )
    const [after] = await tx.query<{ rows: number }>(`SELECT ${updated} AS rows`)
    return (after?.rows ?? 0) - (before?.rows ?? 0)
  })

/** The repair path: all are ranked, and only rows that differ are written. */
export const full: Way = async (database, campaignId) =>
  database.transaction(async (tx) => {
    const beganAt = await beginRun(campaignId, tx, 500, STATEMENT_TIMEOUT_MS)
    if (beganAt === null) throw locked()
    await tx.query(`SELECT ${anyPlan}`)
    const run = { campaignId, beganAt, historyLimit: historyLimits.top }
    const { written } = await rankAll(run, tx)
    await recordRun(run, 'full', written, tx)
    return written
  })

/** What the daemon does. */
export const windowed: Way = async (database, campaignId) => {
  const result = await database.transaction((tx) => createLeaderboard(database, { history: 'top' }).recalculate(campaignId, tx, false))
  if (result.is !== 'done') throw locked()
  return result.rowsChanged
}

function locked(): Error {
  return new Error('Somebody else holds the lock of the campaign.')
}
