import { onlyValue } from '../std/only-value.ts'
import type { Clock } from '../std/clock.ts'
import { SqlError } from '../std/sql.ts'
import type { Ran } from '../delivery/transaction-channel.ts'
import type { Intent } from '../model/intent.ts'
import type { Settled, Settlement } from '../delivery/intent-store.ts'
import type { FullBecause, Leaderboard, Recalculated } from './leaderboard.ts'
import type { RecalculationMessage } from './recalculation-message.ts'
import { defineChannel, type Transactor } from '../delivery/define-channel.ts'

/** Pause of a campaign locked by another session: half of the time it has waited, within these bounds. Only this campaign waits. */
const SHORTEST_MS = 50
const LONGEST_MS = 400
/** The pause is at least this many times the duration of the try, so that tries take at most a fifth of the worker. */
const TRY_FACTOR = 4
/** SQLSTATE of a lock timeout. */
const LOCK_NOT_AVAILABLE = '55P03'
/** SQLSTATE of a statement that timed out or was cancelled. */
const QUERY_CANCELED = '57014'

const TOO_SLOW = 'recalculation-too-slow'

const done: Settlement = { is: 'final', state: 'delivered', reason: null }
const tooSlow = (afterMs: number): Settlement => ({ is: 'later', as: 'waiting', reason: TOO_SLOW, afterMs })

/** Reports what one run did. */
export type ReportRecalculation = (recalculation: {
  campaignId: string
  because: FullBecause | null
  rowsChanged: number
  durationMs: number
}) => void

/** Reports a run that exceeded its deadline, and how long its campaign is paused. */
export type ReportTooSlow = (run: { campaignId: string; deadlineMs: number; nextTryMs: number }) => void

/** Leaderboard, as the list of channels has it. */
export const leaderboardChannel = defineChannel({
  name: 'leaderboard',
  destinations: null,
  writesIntents: false,
  create: createLeaderboardChannel,
})

/** Recalculates one campaign in one transaction under its lock, then wakes the mails that wait for it. */
export function createLeaderboardChannel(options: {
  readonly leaderboard: Leaderboard
  readonly deadlineMs: number
  /** A group stops fetching once its oldest recalculation has been due for longer; milliseconds. */
  readonly maxLagMs: number
  readonly clock: Clock
  readonly report: ReportRecalculation
  readonly reportTooSlow: ReportTooSlow
}): Transactor<RecalculationMessage> {
  const { leaderboard, clock, deadlineMs } = options
  return {
    deadlineMs,
    lateAfter: { ms: options.maxLagMs, reason: 'recalculations-late' },
    async run(intent, { campaignId }, store) {
      const startedAt = clock.monotonic()
      const settle = async (settlement: Settlement) => onlyValue(await store.settle([{ intent, settlement, deliveryLog: null, reply: {} }]))
      const locked = (reason: string) => lockedFor(intent, reason, clock.now(), clock.monotonic() - startedAt)
      let result: Recalculated | { readonly is: 'paused' } | 'lost'
      try {
        result = await store.transact<Exclude<typeof result, 'lost'>>(intent, deadlineMs * 2, async (tx) => {
          const leftMs = await leaderboard.pauseLeftMs(campaignId, tx)
          if (leftMs !== null) return { result: { is: 'paused' }, settlement: tooSlow(leftMs) }
          const recalculated = await leaderboard.recalculate(campaignId, tx, intent.reason === 'rows-locked', deadlineMs)
          return { result: recalculated, settlement: recalculated.is === 'locked' ? locked('campaign-locked') : done }
        })
      } catch (error) {
        if (!(error instanceof SqlError)) throw error
        if (error.state === QUERY_CANCELED && clock.monotonic() - startedAt >= deadlineMs) {
          const nextTryMs = await leaderboard.pause(campaignId, intent.group, deadlineMs)
          options.reportTooSlow({ campaignId, deadlineMs, nextTryMs })
          return waiting(await settle(tooSlow(nextTryMs)), TOO_SLOW)
        }
        if (error.state !== LOCK_NOT_AVAILABLE) throw error
        return waiting(await settle(locked('rows-locked')), 'rows-locked')
      }
      if (result === 'lost') return { is: 'lost' }
      if (result.is === 'paused') return waiting('settled', TOO_SLOW)
      if (result.is === 'locked') return waiting('settled', 'campaign-locked')
      const { because, rowsChanged } = result
      options.report({ campaignId, because, rowsChanged, durationMs: clock.monotonic() - startedAt })
      // After the commit, in a statement of its own: a mail that is prepared now must see the new positions.
      await leaderboard.wakeWaitingMails(campaignId)
      return { is: 'ran', outcome: 'done', reason: null }
    },
  }
}

/** The pause grows with the wait, and never so far that the campaign waits for a second after the lock is released. */
function lockedFor({ waitingSince, reason: before }: Intent, reason: string, now: number, tookMs: number): Settlement {
  const first = waitingSince === null || before !== reason
  const pause = first ? SHORTEST_MS : Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (now - waitingSince.getTime()) / 2))
  return { is: 'later', as: 'waiting', reason, afterMs: first ? pause : Math.max(pause, tookMs * TRY_FACTOR) }
}

function waiting(settled: Settled, reason: string): Ran {
  return settled === 'lost' ? { is: 'lost' } : { is: 'ran', outcome: 'waiting', reason }
}
