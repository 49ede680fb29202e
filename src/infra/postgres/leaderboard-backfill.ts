import type { LeaderboardHistory } from '../../delivery/leaderboard/leaderboard.ts'
import type { Backfilled, Backfiller, ReportBackfill } from '../../operator/backfill.ts'
import { backoff } from '../../std/backoff.ts'
import type { Clock } from '../../std/clock.ts'
import { SqlError, type Sql } from '../../std/sql.ts'
import type { Session } from './database.ts'
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
} from './first-rank.ts'
import { rankAll } from './full-rank.ts'
import { createLeaderboard } from './leaderboard.ts'
import { beginRun, campaignLock, recordRun, remembered } from './rank-run.ts'
import { anyPlan, indexesOnlyInSession } from './window-rank.ts'

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
/** The pause after work is as long as the work was, up to this. */
const LONGEST_PAUSE_MS = 5_000
/** A process that stands still gives the campaign back after this. */
const IDLE_SESSION_MS = 60_000
/** Between two tries of what met a lock. */
const AGAIN_MS = { baseMs: 50, maxMs: 1_000 }
/** deadlock_detected and lock_not_available: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const tryAgain = new Set(['40P01', '55P03'])

/**
 * The first ranking of campaigns, beside whoever writes: in batches, each a transaction of its own, with pauses as long as the work, so
 * half of one connection at most. `session` keeps the locks of campaigns and the order between batches, and ends with this use of it.
 *
 * Each batch puts the next ones of the order of the rule behind those who are ranked. So whatever is committed is dense, and whoever
 * comes after a killed run goes on where it stood. Those who change meanwhile are dirty, like any others.
 */
export async function createBackfiller(session: Session, options: BackfillOptions): Promise<Backfiller> {
  await session.sql.query(settings, [`${IDLE_SESSION_MS}ms`])
  return {
    campaigns: (only) => campaignsToRank(only, session.sql),
    backfill: async (campaignId, report) => {
      if (!(await onLock('pg_try_advisory_lock', campaignId, session.sql))) return { is: 'locked' }
      const backfilled = await underLock(session, campaignId, { ...options, report })
      await onLock('pg_advisory_unlock', campaignId, session.sql)
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

type Work = BackfillOptions & { readonly report: ReportBackfill }

async function underLock(session: Session, campaignId: string, work: Work): Promise<Backfilled> {
  const first = await lookAtFirstRank(campaignId, session.sql)
  if (first === null || first.unranked === 0) return { is: 'nothing' }
  const { points, rankedWith } = first
  if (rankedWith !== null && rankedWith !== points) return { is: 'other-points', rows: 0, rankedWith, points }
  await session.transaction((tx) => orderUnranked({ campaignId, points }, tx))
  await session.sql.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
  const { rows, setting } = await rankBatches(session.sql, campaignId, first, work)
  await session.sql.query('RESET lock_timeout')
  await forgetOrder(session.sql)
  if (setting !== points && setting !== null) return { is: 'other-points', rows, rankedWith: points, points: setting }
  return { is: 'done', rows, ...(await mend(session, campaignId, work)) }
}

/** Ends with the order, or with the setting. */
async function rankBatches(sql: Sql, campaignId: string, first: FirstRank, work: Work): Promise<{ rows: number; setting: number | null }> {
  const { clock } = work
  const run = { campaignId, beganAt: first.at, remember: work.history === 'all' ? null : 0, points: first.points }
  const pace = createPace(work.batchRows)
  const startedAt = clock.now()
  let rows = 0
  let waiting: readonly Unranked[] = []
  for (let tries = 0; ;) {
    const batchAt = clock.now()
    if (waiting.length === 0) waiting = await nextUnranked(pace.rows, sql)
    if (waiting.length === 0) return { rows, setting: first.points }
    const batch = waiting.slice(0, pace.rows)
    const done = await unlessLocked(() => rankBatch(run, batch, sql))
    if (done === 'rows-locked') {
      work.report({ is: 'rows-locked', campaignId })
      pace.smaller()
      await clock.sleep(backoff(++tries, AGAIN_MS))
      continue
    }
    tries = 0
    waiting = waiting.slice(batch.length)
    rows += done.written
    if (done.setting !== first.points) return { rows, setting: done.setting }
    const now = clock.now()
    work.report({ is: 'ranked', campaignId, ranked: first.ranked + rows, of: first.ranked + first.unranked, rows, ms: now - startedAt })
    pace.took(now - batchAt)
    await clock.sleep(Math.min(now - batchAt, LONGEST_PAUSE_MS))
  }
}

/**
 * The ordinary recalculation sees to whoever changed, joined or left in front meanwhile. What no dirty row tells is that somebody who
 * was ranked already was deleted for good; then everybody is ranked anew.
 */
async function mend(session: Session, campaignId: string, { clock, history, report }: Work): Promise<{ mended: number; whole: boolean }> {
  const dense = await isDense(campaignId, session.sql)
  for (let tries = 0; ; tries++) {
    const startedAt = clock.now()
    const done = await unlessLocked(() =>
      session.transaction((tx) =>
        dense ? rankOrdinarily(session, campaignId, history, tx, tries > 0) : rankWhole(campaignId, history, tx),
      ),
    )
    await clock.sleep(Math.min(clock.now() - startedAt, LONGEST_PAUSE_MS))
    if (done !== 'rows-locked') return done
    report({ is: 'rows-locked', campaignId })
    await clock.sleep(backoff(tries + 1, AGAIN_MS))
  }
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

async function unlessLocked<T>(statement: () => Promise<T>): Promise<T | 'rows-locked'> {
  try {
    return await statement()
  } catch (error) {
    if (error instanceof SqlError && tryAgain.has(error.state ?? '')) return 'rows-locked'
    throw error
  }
}

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
