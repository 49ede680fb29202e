import type { LeaderboardHistory } from './leaderboard.ts'
import type { Backfilled, Backfiller, ReportBackfill } from './backfill.ts'
import type { Clock } from '../std/clock.ts'
import type { Sql, Session } from '../std/sql.ts'
import { createLockRetry, type LockRetry } from './lock-retry.ts'
import {
  campaignsToRank,
  forgetOrder,
  isDense,
  lookAtFirstRank,
  nextUnranked,
  orderUnranked,
  rankBatch,
  type FirstRank,
  type Unranked,
} from './first-ranking.ts'
import { anyPlan, indexesOnlyInSession } from './planner-settings.ts'
import { rankAll } from './whole-ranking.ts'
import { createLeaderboard } from './postgres-leaderboard.ts'
import { beginRun, campaignLock, recordRun, remembered } from './ranking-run.ts'

export interface BackfillOptions {
  /** Rows in one transaction at most. */
  readonly batchRows: number
  readonly history: LeaderboardHistory
  readonly clock: Clock
}

/** A batch that takes longer than this is followed by a smaller one: so long a write of the platform's may have to wait. */
const BATCH_MS = 100
const FIRST_ROWS = 500
const LEAST_ROWS = 50
/** A row lock of the platform's is waited for so long, while our own rows stay locked. */
const LOCK_TIMEOUT_MS = 100
/** A process that stands still gives the campaign back after this. */
const IDLE_SESSION_MS = 60_000

/**
 * The first ranking of campaigns, beside whoever writes: in batches, each a transaction of its own, with pauses as long as the work, so
 * half of one connection at most. `session` keeps the locks of campaigns and the order between batches, and ends with this use of it.
 *
 * Each batch puts the next ones of the order of the rule behind those who are ranked. So whatever is committed is dense, and whoever
 * comes after a killed run goes on where it stood. Those who change meanwhile are dirty, like any others.
 */
export async function createBackfiller(session: Session, options: BackfillOptions): Promise<Backfiller> {
  await session.sql.query(settings, [`${IDLE_SESSION_MS}ms`])
  /** Rows of campaigns that were given back before they were done. */
  const unfinished = new Map<string, number>()
  return {
    campaigns: (only) => campaignsToRank(only, session.sql),
    backfill: async (campaignId, report) => {
      if (!(await onLock('pg_try_advisory_lock', campaignId, session.sql))) return { is: 'locked', by: 'campaign' }
      const before = unfinished.get(campaignId) ?? null
      const { backfilled, rows } = await underLock(session, campaignId, { ...options, before, report })
      await onLock('pg_advisory_unlock', campaignId, session.sql)
      if (backfilled.is === 'locked') unfinished.set(campaignId, rows)
      // Whose mails wait for it they are looked at once it is committed.
      if (backfilled.is === 'done') await createLeaderboard(session, options).wakeWaitingMails(campaignId)
      return backfilled
    },
  }
}

// A frozen process that holds a campaign's lock would keep its leaderboard still until somebody finds it.
const settings = `
SELECT set_config('idle_session_timeout', $1, false), set_config('jit', 'off', false),
       set_config('plan_cache_mode', 'force_custom_plan', false), ${indexesOnlyInSession}`

async function onLock(deed: 'pg_try_advisory_lock' | 'pg_advisory_unlock', campaignId: string, sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ did: boolean }>(`SELECT ${deed}(${campaignLock}) AS did`, [campaignId])
  return row?.did === true
}

interface Work extends BackfillOptions {
  readonly report: ReportBackfill
  /** Rows that this process has ranked in the campaign before; null: it comes for the first time. */
  readonly before: number | null
}

/** `rows`: ranked by this process so far. */
async function underLock(session: Session, campaignId: string, work: Work): Promise<{ backfilled: Backfilled; rows: number }> {
  const retry = createLockRetry(work.clock, () => work.report({ is: 'rows-locked', campaignId }))
  const first = await lookAtFirstRank(campaignId, session.sql)
  let rows = work.before ?? 0
  if (first === null || (first.unranked === 0 && work.before === null)) return { backfilled: { is: 'nothing' }, rows }
  if (first.unranked > 0) {
    const { points, rankedWith } = first
    if (rankedWith !== null && rankedWith !== points) return { backfilled: { is: 'other-points', rows, rankedWith, points }, rows }
    await session.transaction((tx) => orderUnranked({ campaignId, points }, tx))
    await session.sql.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
    const done = await rankBatches(session.sql, campaignId, first, retry, work)
    await session.sql.query('RESET lock_timeout')
    await forgetOrder(session.sql)
    rows += done.rows
    if (done.setting !== null && done.setting !== points)
      return { backfilled: { is: 'other-points', rows, rankedWith: points, points: done.setting }, rows }
  }
  const mended = retry.isExhausted ? null : await mend(session, campaignId, retry, work.history)
  return { backfilled: mended === null ? { is: 'locked', by: 'rows' } : { is: 'done', rows, ...mended }, rows }
}

/** Ends with the order, with the setting, or with its retry. */
async function rankBatches(
  sql: Sql,
  campaignId: string,
  first: FirstRank,
  retry: LockRetry,
  { clock, batchRows, history, report }: Work,
): Promise<{ rows: number; setting: number | null }> {
  const run = { campaignId, beganAt: first.at, remember: history === 'all' ? null : 0, points: first.points }
  const pace = createPace(batchRows)
  const startedAt = clock.monotonic()
  let rows = 0
  let setting: number | null = first.points
  let waiting: readonly Unranked[] = []
  while (setting === first.points && !retry.isExhausted) {
    if (waiting.length === 0) waiting = await nextUnranked(pace.rows, sql)
    if (waiting.length === 0) break
    const batch = waiting.slice(0, pace.rows)
    const done = await retry.attempt(() => rankBatch(run, batch, sql))
    if (done === null) {
      pace.smaller()
      continue
    }
    waiting = waiting.slice(batch.length)
    rows += done.written
    setting = done.setting
    pace.took(retry.lastMs)
    const ms = clock.monotonic() - startedAt
    report({ is: 'ranked', campaignId, ranked: first.ranked + rows, of: first.ranked + first.unranked, rows, ms })
  }
  return { rows, setting }
}

/**
 * The ordinary recalculation sees to whoever changed, joined or left in front meanwhile. What no dirty row tells is that somebody who
 * was ranked already was deleted for good; then everybody is ranked anew. Null: rows stay locked.
 */
async function mend(
  session: Session,
  campaignId: string,
  retry: LockRetry,
  history: LeaderboardHistory,
): Promise<{ mended: number; whole: boolean } | null> {
  const dense = await isDense(campaignId, session.sql)
  while (!retry.isExhausted) {
    const done = await retry.attempt((again) =>
      session.transaction((tx) => (dense ? rankOrdinarily(session, campaignId, history, tx, again) : rankWhole(campaignId, history, tx))),
    )
    if (done !== null) return done
  }
  return null
}

async function rankOrdinarily(session: Session, campaignId: string, history: LeaderboardHistory, tx: Sql, again: boolean) {
  const done = await createLeaderboard(session, { history }).recalculate(campaignId, tx, again)
  if (done.is === 'locked') throw new Error(LOCK_LOST)
  return { mended: done.rowsChanged, whole: done.because !== null }
}

async function rankWhole(campaignId: string, history: LeaderboardHistory, tx: Sql) {
  const beganAt = await beginRun(campaignId, tx, LOCK_TIMEOUT_MS)
  if (beganAt === null) throw new Error(LOCK_LOST)
  await tx.query(`SELECT ${anyPlan}`)
  const run = { campaignId, beganAt, remember: remembered[history] }
  const { written } = await rankAll(run, tx)
  await recordRun(run, 'full', written, tx)
  return { mended: written, whole: true }
}

const LOCK_LOST = 'Somebody else has the lock of the campaign although this session holds it.'

/** How large a batch is: what a tenth of a second does, whatever the machine, and less where rows are locked. */
function createPace(most: number): { readonly rows: number; took(ms: number): void; smaller(): void } {
  let rows = Math.min(FIRST_ROWS, most)
  const smaller = () => {
    rows = Math.max(Math.min(LEAST_ROWS, most), Math.floor(rows / 2))
  }
  return {
    get rows() {
      return rows
    },
    took: (ms) => {
      if (ms > BATCH_MS) smaller()
      else if (ms < BATCH_MS / 2) rows = Math.min(most, rows * 2)
    },
    smaller,
  }
}
