import type { LeaderboardHistory } from './leaderboard.ts'
import type { Sql } from '../std/sql.ts'
import { indexesOnly } from './planner-settings.ts'

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

/**
 * For whoever sets no deadline, such as an operator's repair: it may write a million rows, and nobody else mends them. The database
 * handle's own statement timeout must not be shorter than what is asked for.
 */
export const PATIENT_MS = 600_000

/** After a recalculation that took too long its campaign is put off for this many deadlines, then for twice as many, and so on up to an hour. */
const FIRST_PAUSE_DEADLINES = 4
const LONGEST_PAUSE_MS = 3_600_000

/**
 * Takes the campaign's lock and sets the transaction up for windows; resolves to `beganAt`, or to null when somebody else has
 * the lock. Row locks are waited for, and statements may take, as long as the caller says; milliseconds.
 *
 * The lock is taken in a statement of its own, before the one that reads: a statement reads the state of its beginning, so one
 * that locks and reads would see the table as it was before it got the lock. For the same reason a transaction with one
 * snapshot for all its statements is refused. The clock is read before the table is, so what committed before `beganAt` is seen.
 */
export async function beginRun(campaignId: string, tx: Sql, lockTimeoutMs: number, timeoutMs = PATIENT_MS): Promise<string | null> {
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

/** The end of a run, in its transaction. A campaign that was put off is put off no longer. */
export async function recordRun({ campaignId, beganAt }: RankRun, mode: 'windowed' | 'full', rowsChanged: number, tx: Sql): Promise<void> {
  const [row] = await tx.query<{ putOff: string | null }>(recordStatement, [campaignId, beganAt, rowsChanged, mode])
  if (row && row.putOff !== null) await tx.query(dueStatement, [row.putOff, campaignId])
}

const recordStatement = `
WITH slow AS (DELETE FROM worker.slow_recalculations WHERE campaign_id = $1 RETURNING group_name)
INSERT INTO worker.recalculations AS r (campaign_id, began_at, committed_at, rows_changed, mode)
VALUES ($1, $2, clock_timestamp(), $3, $4)
ON CONFLICT (campaign_id) DO UPDATE
   SET began_at = excluded.began_at, committed_at = excluded.committed_at, rows_changed = excluded.rows_changed, mode = excluded.mode
RETURNING (SELECT group_name FROM slow) AS "putOff"`

const dueStatement = `
UPDATE worker.intents SET due_at = now()
 WHERE id = ANY (ARRAY(
   SELECT id FROM worker.intents
    WHERE group_name = $1 AND key = 'recalculate:' || $2::uuid AND coalesce AND state = 'pending' AND due_at > now()
      FOR UPDATE SKIP LOCKED))`

/**
 * Puts a campaign off whose recalculation took longer than `deadlineMs`, for longer each time; resolves to milliseconds. Beside the
 * intents, not in one: a request that came while it ran is due at once and knows nothing of it.
 */
export async function putOff(sql: Sql, campaignId: string, group: string, deadlineMs: number): Promise<number> {
  const firstMs = deadlineMs * FIRST_PAUSE_DEADLINES
  const [row] = await sql.query<{ pauseMs: number }>(putOffStatement, [campaignId, group, firstMs, Math.max(firstMs, LONGEST_PAUSE_MS)])
  return row?.pauseMs ?? firstMs
}

/** How long the campaign is still put off, in milliseconds; null when it is not. */
export async function putOffMs(tx: Sql, campaignId: string): Promise<number | null> {
  const [row] = await tx.query<{ ms: number }>(leftStatement, [campaignId])
  return row?.ms ?? null
}

const pause = (tries: string) => `least($4::float8, $3::float8 * power(2, least(${tries} - 1, 30)))`

// What nobody has tried for a month after its time belongs to a campaign that is gone.
const putOffStatement = `
WITH forgotten AS (
  DELETE FROM worker.slow_recalculations WHERE next_try_at < now() - interval '30 days' AND campaign_id <> $1
)
INSERT INTO worker.slow_recalculations AS s (campaign_id, group_name, tries, next_try_at)
VALUES ($1, $2, 1, clock_timestamp() + ${pause('1')} * interval '1 millisecond')
ON CONFLICT (campaign_id) DO UPDATE
   SET group_name = excluded.group_name, tries = s.tries + 1,
       next_try_at = clock_timestamp() + ${pause('(s.tries + 1)')} * interval '1 millisecond'
RETURNING ${pause('tries')} AS "pauseMs"`

const leftStatement = `
SELECT (extract(epoch FROM next_try_at - clock_timestamp()) * 1000)::float8 AS ms
  FROM worker.slow_recalculations WHERE campaign_id = $1 AND next_try_at > clock_timestamp()`
