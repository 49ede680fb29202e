import type { FullBecause, Leaderboard, LeaderboardHistory, Recalculated } from './leaderboard.ts'
import type { Sql, Session } from '../std/sql.ts'
import { anyPlan } from './planner-settings.ts'
import { rankAll } from './whole-ranking.ts'
import { sweep } from './sweep.ts'
import { DEFAULT_DEADLINE_MS, beginRun, pauseCampaign, pauseLeftMs, historyLimits, recordRun, type RankRun } from './ranking-run.ts'
import { rankWindows } from './windows.ts'

/**
 * How long a recalculation waits for row locks of other sessions: not long, because a group has one worker for all campaigns. Its next
 * tries wait only for locks that are held briefly. Milliseconds.
 */
const lockTimeoutMs = 500
const lockTimeoutAgainMs = 50

/** Stored positions in `waitlist_users`. The rule: dense row number by (original_position - verified referrals * points, created_at, id). */
export function createLeaderboard(database: Pick<Session, 'sql'>, options: { readonly history: LeaderboardHistory }): Leaderboard {
  return {
    recalculate: (campaignId, tx, again, deadlineMs = DEFAULT_DEADLINE_MS) =>
      recalculate(campaignId, tx, { again, deadlineMs, historyLimit: historyLimits[options.history] }),
    pause: (campaignId, group, deadlineMs) => pauseCampaign(database.sql, campaignId, group, deadlineMs),
    pauseLeftMs: (campaignId, tx) => pauseLeftMs(tx, campaignId),
    wakeWaitingMails: (campaignId) => wakeWaitingMails(database.sql, campaignId),
    sweep: (group) => sweep(database.sql, group),
  }
}

async function recalculate(
  campaignId: string,
  tx: Sql,
  { again, deadlineMs, historyLimit }: { readonly again: boolean; readonly deadlineMs: number; readonly historyLimit: number | null },
): Promise<Recalculated> {
  const from = performance.now()
  const beganAt = await beginRun(campaignId, tx, again ? lockTimeoutAgainMs : lockTimeoutMs, deadlineMs)
  if (beganAt === null) return { is: 'locked' }
  const run = { campaignId, beganAt, historyLimit }
  const { because, rowsChanged } = await rank(run, tx, () => deadlineMs - (performance.now() - from))
  await recordRun(run, because === null ? 'windowed' : 'full', rowsChanged, tx)
  return { is: 'done', because, rowsChanged, durationMs: performance.now() - from }
}

/** By windows; in full where those give up, or where a row that was deleted physically between our read and our write has left a gap. */
async function rank(run: RankRun, tx: Sql, leftMs: () => number): Promise<{ because: FullBecause | null; rowsChanged: number }> {
  const windowed = await rankWindows(run, tx)
  if (typeof windowed !== 'string' && windowed.written === windowed.changes) return { because: null, rowsChanged: windowed.written }
  await tx.query(`SELECT ${anyPlan}, set_config('statement_timeout', $1, true)`, [`${Math.max(1, Math.ceil(leftMs()))}ms`])
  const whole = await rankAll(run, tx)
  return typeof windowed === 'string'
    ? { because: windowed, rowsChanged: whole.written }
    : { because: 'unsure', rowsChanged: windowed.written + whole.written }
}

/**
 * Locked rows are skipped: one that is being claimed is prepared after this recalculation's commit anyway, one that is being settled is
 * due again within its own wait.
 */
async function wakeWaitingMails(sql: Sql, campaignId: string): Promise<number> {
  const rows = await sql.query(
    `UPDATE worker.intents SET due_at = now()
      WHERE id = ANY (ARRAY(
        SELECT id FROM worker.intents
         WHERE campaign_id = $1 AND state = 'pending' AND reason = 'awaiting-recalculation' AND due_at > now()
           FOR UPDATE SKIP LOCKED))
     RETURNING id`,
    [campaignId],
  )
  return rows.length
}
