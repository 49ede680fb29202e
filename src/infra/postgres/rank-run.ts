import type { LeaderboardHistory } from '../../delivery/leaderboard/leaderboard.ts'
import type { Sql } from '../../std/sql.ts'
import { indexesOnly } from './window-rank.ts'

/** One recalculation of one campaign, under its lock. */
export interface RankRun {
  readonly campaignId: string
  /** Read before the table was: what committed before is seen. The text of a timestamptz. */
  readonly beganAt: string
  /** Movements that go into the history at most; null: all. */
  readonly remember: number | null
}

export interface Written {
  /** Rows whose stored rank differs from the rule, as read. */
  readonly changes: number
  /** Those of them that were still there to be written. */
  readonly written: number
}

/** Movements of one run that go into the history; null: all. */
export const remembered: Readonly<Record<LeaderboardHistory, number | null>> = { off: 0, top: 100, all: null }

/** Room for a million participants on a busy machine. The database handle's own statement timeout must not be shorter. */
const statementTimeoutMs = 120_000

/**
 * Takes the campaign's lock and sets the transaction up for windows; resolves to `beganAt`, or to null when somebody else has
 * the lock. Row locks are waited for, and statements may take, as long as the caller says; milliseconds.
 *
 * The lock is taken in a statement of its own, before the one that reads: a statement reads the state of its beginning, so one
 * that locks and reads would see the table as it was before it got the lock. For the same reason a transaction with one
 * snapshot for all its statements is refused. The clock is read before the table is, so what committed before `beganAt` is seen.
 */
export async function beginRun(campaignId: string, tx: Sql, lockTimeoutMs: number, timeoutMs = statementTimeoutMs): Promise<string | null> {
  const [row] = await tx.query<{ got: boolean; at: string; isolation: string }>(beginStatement, [
    campaignId,
    `${lockTimeoutMs}ms`,
    `${timeoutMs}ms`,
  ])
  if (row?.isolation !== 'read committed') {
    throw new Error(`A recalculation needs a transaction with isolation level read committed, not ${row?.isolation}.`)
  }
  return row.got ? row.at : null
}

/** The key of the lock of the campaign `$1`. 64 bits of hash: among a million campaigns the 32 of hashtext() would make a hundred pairs share a lock. */
export const campaignLock = `hashtextextended('leaderboard:' || $1::uuid, 0)`

// A campaign of ten and one of a million share these prepared statements, not a plan.
const beginStatement = `
SELECT pg_try_advisory_xact_lock(${campaignLock}) AS got,
       clock_timestamp()::text AS at,
       current_setting('transaction_isolation') AS isolation,
       set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('lock_timeout', $2, true),
       set_config('statement_timeout', $3, true),
       ${indexesOnly}`

/** The end of a run, in its transaction. */
export async function recordRun({ campaignId, beganAt }: RankRun, mode: 'windowed' | 'full', rowsChanged: number, tx: Sql): Promise<void> {
  await tx.query(recordStatement, [campaignId, beganAt, rowsChanged, mode])
}

const recordStatement = `
INSERT INTO worker.recalculations AS r (campaign_id, began_at, committed_at, rows_changed, mode)
VALUES ($1, $2, clock_timestamp(), $3, $4)
ON CONFLICT (campaign_id) DO UPDATE
   SET began_at = excluded.began_at, committed_at = excluded.committed_at, rows_changed = excluded.rows_changed, mode = excluded.mode`
