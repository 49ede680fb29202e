import type { LeaderboardHistory } from './leaderboard.ts'
import type { Backfilled, Backfiller, ReportBackfill } from './backfill.ts'
import type { Clock } from '../std/clock.ts'
import type { Sql, Session } from '../std/sql.ts'
import { createLockRetry, type LockRetry } from './lock-retry.ts'
import {
  campaignsToRank,
  closeUnranked,
  isDense,
  readProgress,
  nextUnranked,
  openUnranked,
  rankBatch,
  type RankingProgress,
  type Unranked,
} from './first-ranking.ts'
import { anyPlan, indexesOnlyInSession } from './planner-settings.ts'
import { rankAll } from './whole-ranking.ts'
import { createLeaderboard } from './postgres-leaderboard.ts'
import { beginRun, campaignLock, historyLimits, recordRun } from './ranking-run.ts'

export interface BackfillOptions {
  /** The most rows per transaction. */
  readonly batchRows: number
  readonly history: LeaderboardHistory
  readonly clock: Clock
}

/** A batch that takes longer is followed by a smaller one: a write of the platform may have to wait that long. */
const BATCH_MS = 100
const FIRST_ROWS = 500
const LEAST_ROWS = 50
/** How long a batch waits for a row lock of the platform; its own rows stay locked meanwhile. */
const LOCK_TIMEOUT_MS = 100
/** A frozen process loses its session, and with it the campaign's lock, after this time. */
const IDLE_SESSION_MS = 60_000

/**
 * The first ranking of campaigns while the platform writes: in batches, each a transaction of its own, with pauses as long as the work, so
 * at most half of one connection. `session` holds the campaign locks and the cursor between batches; it is used for nothing else.
 *
 * Each batch ranks the next participants, in the order of the rule, behind the ranked ones. Every commit is therefore free of gaps, and a
 * run after a killed one resumes there. Participants who change meanwhile are dirty as usual.
 */
export async function createBackfiller(session: Session, options: BackfillOptions): Promise<Backfiller> {
  await session.sql.query(settings, [`${IDLE_SESSION_MS}ms`])
  /** Rows ranked so far of campaigns that were released unfinished. */
  const unfinished = new Map<string, number>()
  return {
    campaigns: (only) => campaignsToRank(only, session.sql),
    backfill: async (campaignId, report) => {
      if (!(await callLock('pg_try_advisory_lock', campaignId, session.sql))) return { is: 'locked', by: 'campaign' }
      const before = unfinished.get(campaignId) ?? null
      const { backfilled, rows } = await underLock(session, campaignId, { ...options, before, report })
      await callLock('pg_advisory_unlock', campaignId, session.sql)
      if (backfilled.is === 'locked') unfinished.set(campaignId, rows)
      // After the commit, as a recalculation does.
      if (backfilled.is === 'done') await createLeaderboard(session, options).wakeWaitingMails(campaignId)
      return backfilled
    },
  }
}

// Without the timeout a frozen process that holds a campaign's lock would stop its leaderboard until somebody finds it.
const settings = `
SELECT set_config('idle_session_timeout', $1, false), set_config('plan_cache_mode', 'force_custom_plan', false), ${indexesOnlyInSession}`

async function callLock(call: 'pg_try_advisory_lock' | 'pg_advisory_unlock', campaignId: string, sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ done: boolean }>(`SELECT ${call}(${campaignLock}) AS done`, [campaignId])
  return row?.done === true
}

interface Work extends BackfillOptions {
  readonly report: ReportBackfill
  /** Rows that this process ranked in the campaign before; null: this is the first try. */
  readonly before: number | null
}

/** `rows`: ranked by this process so far. */
async function underLock(session: Session, campaignId: string, work: Work): Promise<{ backfilled: Backfilled; rows: number }> {
  const retry = createLockRetry(work.clock, () => work.report({ is: 'rows-locked', campaignId }))
  const first = await readProgress(campaignId, session.sql)
  let rows = work.before ?? 0
  if (first === null || (first.unranked === 0 && work.before === null)) return { backfilled: { is: 'nothing' }, rows }
  if (first.unranked > 0) {
    const { points, rankedWith } = first
    if (rankedWith !== null && rankedWith !== points) return { backfilled: { is: 'other-points', rows, rankedWith, points }, rows }
    await session.transaction((tx) => openUnranked({ campaignId, points }, tx))
    await session.sql.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
    const done = await rankBatches(session.sql, campaignId, first, retry, work)
    await session.sql.query('RESET lock_timeout')
    await closeUnranked(session.sql)
    rows += done.rows
    if (done.setting !== null && done.setting !== points)
      return { backfilled: { is: 'other-points', rows, rankedWith: points, points: done.setting }, rows }
  }
  const corrected = retry.isExhausted ? null : await rankChanged(session, campaignId, retry, work.history)
  return { backfilled: corrected === null ? { is: 'locked', by: 'rows' } : { is: 'done', rows, ...corrected }, rows }
}

/** Ends with the cursor, when the setting changes, or when the retries are exhausted. */
async function rankBatches(
  sql: Sql,
  campaignId: string,
  first: RankingProgress,
  retry: LockRetry,
  { clock, batchRows, history, report }: Work,
): Promise<{ rows: number; setting: number | null }> {
  const run = { campaignId, beganAt: first.at, historyLimit: history === 'all' ? null : 0, points: first.points }
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
 * An ordinary recalculation ranks participants who changed, joined or left meanwhile. A ranked row that was deleted physically leaves no
 * dirty row; then everybody is ranked. Null: rows stay locked.
 */
async function rankChanged(
  session: Session,
  campaignId: string,
  retry: LockRetry,
  history: LeaderboardHistory,
): Promise<{ corrected: number; whole: boolean } | null> {
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
  return { corrected: done.rowsChanged, whole: done.because !== null }
}

async function rankWhole(campaignId: string, history: LeaderboardHistory, tx: Sql) {
  const beganAt = await beginRun(campaignId, tx, LOCK_TIMEOUT_MS)
  if (beganAt === null) throw new Error(LOCK_LOST)
  await tx.query(`SELECT ${anyPlan}`)
  const run = { campaignId, beganAt, historyLimit: historyLimits[history] }
  const { written } = await rankAll(run, tx)
  await recordRun(run, 'full', written, tx)
  return { corrected: written, whole: true }
}

const LOCK_LOST = 'Another session holds the lock of the campaign, although this one has it.'

/** The batch size: as many rows as take a tenth of a second on this machine, and fewer where rows are locked. */
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
