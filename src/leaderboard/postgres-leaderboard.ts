import type { FullBecause, Leaderboard, LeaderboardHistory, Recalculated } from './leaderboard.ts'
import type { Sql, Session } from '../std/sql.ts'
import { anyPlan } from './planner-settings.ts'
import { rankAll } from './whole-ranking.ts'
import { sweep } from './sweep.ts'
import { PATIENT_MS, beginRun, putOff, putOffMs, recordRun, remembered, type RankRun } from './ranking-run.ts'
import { rankWindows } from './windows.ts'

/**
 * A row lock that somebody else holds is waited for at most this long: a group has one worker for all campaigns. The next tries of
 * one that met a lock wait only for what is held for a moment.
 */
const lockTimeoutMs = 500
const lockTimeoutAgainMs = 50

/** Stored positions in `waitlist_users`. The rule: dense row number by (original_position - verified referrals * points, created_at, id). */
export function createLeaderboard(database: Pick<Session, 'sql'>, options: { readonly history: LeaderboardHistory }): Leaderboard {
  return {
    recalculate: (campaignId, tx, again, deadlineMs = PATIENT_MS) =>
      recalculate(campaignId, tx, { again, deadlineMs, remember: remembered[options.history] }),
    putOff: (campaignId, group, deadlineMs) => putOff(database.sql, campaignId, group, deadlineMs),
    putOffMs: (campaignId, tx) => putOffMs(tx, campaignId),
    wakeWaitingMails: (campaignId) => wakeWaitingMails(database.sql, campaignId),
    sweep: (group) => sweep(database.sql, group),
  }
}

async function recalculate(
  campaignId: string,
  tx: Sql,
  { again, deadlineMs, remember }: { readonly again: boolean; readonly deadlineMs: number; readonly remember: number | null },
): Promise<Recalculated> {
  const from = performance.now()
  const beganAt = await beginRun(campaignId, tx, again ? lockTimeoutAgainMs : lockTimeoutMs, deadlineMs)
  if (beganAt === null) return { is: 'locked' }
  const run = { campaignId, beganAt, remember }
  const { because, rowsChanged } = await rank(run, tx, () => deadlineMs - (performance.now() - from))
  await recordRun(run, because === null ? 'windowed' : 'full', rowsChanged, tx)
  return { is: 'done', because, rowsChanged, durationMs: performance.now() - from }
}

/** By windows; whole where those give up, or where somebody was deleted for good between our read and our write, so that a gap is left. */
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
 * A locked row is being claimed, and then looked at after this recalculation's commit anyway, or is being settled, and then
 * looks again within its own wait.
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
