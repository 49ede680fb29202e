import type { FullBecause, Leaderboard, LeaderboardHistory, Recalculated } from '../../delivery/leaderboard/leaderboard.ts'
import type { Sql } from '../../std/sql.ts'
import type { Database } from './database.ts'
import { rankAll } from './full-rank.ts'
import { sweep } from './leaderboard-sweep.ts'
import type { RankRun } from './rank-run.ts'
import { anyPlan, indexesOnly, rankWindows } from './window-rank.ts'

/**
 * A row lock that somebody else holds is waited for at most this long: a group has one worker for all campaigns. The next tries of
 * one that met a lock wait only for what is held for a moment.
 */
const lockTimeoutMs = 500
const lockTimeoutAgainMs = 50
/** Room for a million participants on a busy machine. The database handle's own statement timeout must not be shorter. */
const statementTimeoutMs = 120_000

/** Movements of one run that go into the history; null: all. */
const remembered: Readonly<Record<LeaderboardHistory, number | null>> = { off: 0, top: 100, all: null }

/** Stored positions in `waitlist_users`. The rule: dense row number by (original_position - verified referrals * points, created_at, id). */
export function createLeaderboard(database: Database, options: { readonly history: LeaderboardHistory }): Leaderboard {
  return {
    recalculate: (campaignId, tx, again) => recalculate(campaignId, tx, { again, remember: remembered[options.history] }),
    wakeWaitingMails: (campaignId) => wakeWaitingMails(database.sql, campaignId),
    sweep: (group) => sweep(database.sql, group),
  }
}

async function recalculate(
  campaignId: string,
  tx: Sql,
  { again, remember }: { readonly again: boolean; readonly remember: number | null },
): Promise<Recalculated> {
  const from = performance.now()
  const began = await begin(campaignId, tx, again ? lockTimeoutAgainMs : lockTimeoutMs)
  if (!began.got) return { is: 'locked' }
  const { because, rowsChanged } = await rank({ campaignId, beganAt: began.at, remember }, tx)
  await tx.query(recordStatement, [campaignId, began.at, rowsChanged, because === null ? 'windowed' : 'full'])
  return { is: 'done', because, rowsChanged, durationMs: performance.now() - from }
}

/** By windows; whole where those give up, or where somebody was deleted for good between our read and our write, so that a gap is left. */
async function rank(run: RankRun, tx: Sql): Promise<{ because: FullBecause | null; rowsChanged: number }> {
  const windowed = await rankWindows(run, tx)
  if (typeof windowed !== 'string' && windowed.written === windowed.changes) return { because: null, rowsChanged: windowed.written }
  await tx.query(`SELECT ${anyPlan}`)
  const whole = await rankAll(run, tx)
  return typeof windowed === 'string'
    ? { because: windowed, rowsChanged: whole.written }
    : { because: 'unsure', rowsChanged: windowed.written + whole.written }
}

/**
 * The lock is taken in a statement of its own, before the one that reads: a statement reads the state of its beginning, so one
 * that locks and reads would see the table as it was before it got the lock. For the same reason a transaction with one
 * snapshot for all its statements is refused. The clock is read before the table is, so what committed before `at` is seen.
 */
async function begin(campaignId: string, tx: Sql, lockTimeout: number): Promise<{ got: boolean; at: string }> {
  const [row] = await tx.query<{ got: boolean; at: string; isolation: string }>(beginStatement, [
    campaignId,
    `${lockTimeout}ms`,
    `${statementTimeoutMs}ms`,
  ])
  if (row?.isolation !== 'read committed') {
    throw new Error(`A recalculation needs a transaction with isolation level read committed, not ${row?.isolation}.`)
  }
  return row
}

// A campaign of ten and one of a million share these prepared statements, not a plan. 64 bits of hash: among a million campaigns the 32 of hashtext() would make a hundred pairs share a lock.
const beginStatement = `
SELECT pg_try_advisory_xact_lock(hashtextextended('leaderboard:' || $1::uuid, 0)) AS got,
       clock_timestamp()::text AS at,
       current_setting('transaction_isolation') AS isolation,
       set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('lock_timeout', $2, true),
       set_config('statement_timeout', $3, true),
       ${indexesOnly}`

const recordStatement = `
INSERT INTO worker.recalculations AS r (campaign_id, began_at, committed_at, rows_changed, mode)
VALUES ($1, $2, clock_timestamp(), $3, $4)
ON CONFLICT (campaign_id) DO UPDATE
   SET began_at = excluded.began_at, committed_at = excluded.committed_at, rows_changed = excluded.rows_changed, mode = excluded.mode`

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
