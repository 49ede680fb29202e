import type { LeaderboardHistory } from './leaderboard.ts'
import type { Sql } from '../std/sql.ts'
import { indexesOnly } from './planner-settings.ts'

/** One recalculation of one campaign, under its lock. */
export interface RankRun {
  readonly campaignId: string
  /** Read before the table: commits before it are seen. A timestamptz as text. */
  readonly beganAt: string
  /** The most movements to record; null: all. */
  readonly historyLimit: number | null
}

export interface Written {
  /** Rows whose stored rank differs from the rule, as read. */
  readonly changes: number
  /** Those of them that were still there to be written. */
  readonly written: number
}

/** The most movements of one run to record; null: all. */
export const historyLimits: Readonly<Record<LeaderboardHistory, number | null>> = { off: 0, top: 100, all: null }

/**
 * The deadline of a run for which none is set, such as an operator's repair: it may write a million rows. The database handle's own
 * statement timeout must not be shorter than the deadline.
 */
export const DEFAULT_DEADLINE_MS = 600_000

/** After a recalculation that took too long its campaign is paused for this many deadlines, then twice as many, and so on up to an hour. */
const FIRST_PAUSE_DEADLINES = 4
const LONGEST_PAUSE_MS = 3_600_000

/**
 * Takes the campaign's lock and sets the transaction up for windows; resolves to `beganAt`, or to null when another session holds
 * the lock. `lockTimeoutMs` limits the wait for row locks, `timeoutMs` each statement.
 *
 * The lock is taken in a statement of its own, before the one that reads: a statement reads the state of its beginning, so one
 * that locks and reads would see the table as it was before it got the lock. For the same reason a transaction with one
 * snapshot for all its statements is refused. The clock is read before the table is, so commits before `beganAt` are seen.
 */
export async function beginRun(
  campaignId: string,
  tx: Sql,
  lockTimeoutMs: number,
  timeoutMs = DEFAULT_DEADLINE_MS,
): Promise<string | null> {
  const [row] = await tx.query<{ acquired: boolean; at: string; isolation: string }>(beginStatement, [
    campaignId,
    `${lockTimeoutMs}ms`,
    `${timeoutMs}ms`,
  ])
  if (row?.isolation !== 'read committed') {
    throw new Error(`A recalculation needs a transaction with isolation level read committed, not ${row?.isolation}.`)
  }
  return row.acquired ? row.at : null
}

/** The key of the lock of the campaign `$1`. 64 bits of hash: among a million campaigns the 32 of hashtext() would make a hundred pairs share a lock. */
export const campaignLock = `hashtextextended('leaderboard:' || $1::uuid, 0)`

// Campaigns of ten and of a million participants share these prepared statements, but not a plan.
const beginStatement = `
SELECT pg_try_advisory_xact_lock(${campaignLock}) AS acquired,
       clock_timestamp()::text AS at,
       current_setting('transaction_isolation') AS isolation,
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('lock_timeout', $2, true),
       set_config('statement_timeout', $3, true),
       ${indexesOnly}`

/** Records the end of a run, in its transaction, and ends a pause of the campaign. */
export async function recordRun({ campaignId, beganAt }: RankRun, mode: 'windowed' | 'full', rowsChanged: number, tx: Sql): Promise<void> {
  const [row] = await tx.query<{ pausedGroup: string | null }>(recordStatement, [campaignId, beganAt, rowsChanged, mode])
  if (row && row.pausedGroup !== null) await tx.query(dueStatement, [row.pausedGroup, campaignId])
}

const recordStatement = `
WITH slow AS (DELETE FROM worker.slow_recalculations WHERE campaign_id = $1 RETURNING group_name)
INSERT INTO worker.recalculations AS r (campaign_id, began_at, committed_at, rows_changed, mode)
VALUES ($1, $2, clock_timestamp(), $3, $4)
ON CONFLICT (campaign_id) DO UPDATE
   SET began_at = excluded.began_at, committed_at = excluded.committed_at, rows_changed = excluded.rows_changed, mode = excluded.mode
RETURNING (SELECT group_name FROM slow) AS "pausedGroup"`

const dueStatement = `
UPDATE worker.intents SET due_at = now()
 WHERE id = ANY (ARRAY(
   SELECT id FROM worker.intents
    WHERE group_name = $1 AND key = 'recalculate:' || $2::uuid AND coalesce AND state = 'pending' AND due_at > now()
      FOR UPDATE SKIP LOCKED))`

/**
 * Pauses a campaign whose recalculation took longer than `deadlineMs`, longer each time; resolves to milliseconds. The pause is not a
 * property of the intent, because a request that arrived during the run is another intent, due at once.
 */
export async function pauseCampaign(sql: Sql, campaignId: string, group: string, deadlineMs: number): Promise<number> {
  const firstMs = deadlineMs * FIRST_PAUSE_DEADLINES
  const [row] = await sql.query<{ pauseMs: number }>(pauseStatement, [campaignId, group, firstMs, Math.max(firstMs, LONGEST_PAUSE_MS)])
  return row?.pauseMs ?? firstMs
}

/** How long the campaign is still paused, in milliseconds; null: it is not. */
export async function pauseLeftMs(tx: Sql, campaignId: string): Promise<number | null> {
  const [row] = await tx.query<{ ms: number }>(leftStatement, [campaignId])
  return row?.ms ?? null
}

const pauseMs = (tries: string) => `least($4::float8, $3::float8 * power(2, least(${tries} - 1, 30)))`

// A row that was not tried for a month after its time belongs to a campaign that is gone.
const pauseStatement = `
WITH forgotten AS (
  DELETE FROM worker.slow_recalculations WHERE next_try_at < now() - interval '30 days' AND campaign_id <> $1
)
INSERT INTO worker.slow_recalculations AS s (campaign_id, group_name, tries, next_try_at)
VALUES ($1, $2, 1, clock_timestamp() + ${pauseMs('1')} * interval '1 millisecond')
ON CONFLICT (campaign_id) DO UPDATE
   SET group_name = excluded.group_name, tries = s.tries + 1,
       next_try_at = clock_timestamp() + ${pauseMs('(s.tries + 1)')} * interval '1 millisecond'
RETURNING ${pauseMs('tries')} AS "pauseMs"`

const leftStatement = `
SELECT (extract(epoch FROM next_try_at - clock_timestamp()) * 1000)::float8 AS ms
  FROM worker.slow_recalculations WHERE campaign_id = $1 AND next_try_at > clock_timestamp()`
