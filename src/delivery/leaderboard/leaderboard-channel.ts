import type { Clock } from '../../std/clock.ts'
import type { TransactionChannel } from '../transaction-channel.ts'
import type { Settlement } from '../intent-store.ts'
import type { Leaderboard, Recalculated } from './leaderboard.ts'
import type { RecalculationMessage } from './recalculation-message.ts'

/** Another holds the campaign's lock: only this campaign waits. */
const LOCKED_RETRY_MS = 1_000

const locked: Settlement = { is: 'later', as: 'waiting', reason: 'campaign-locked', afterMs: LOCKED_RETRY_MS }
const done: Settlement = { is: 'final', state: 'delivered', reason: null }

/** What one run did, for the observer. */
export type ReportRecalculation = (recalculation: { campaignId: string; rowsChanged: number; durationMs: number }) => void

/** Recalculates one campaign in one transaction under its lock, then wakes the mails that wait for it. */
export function createLeaderboardChannel(options: {
  readonly leaderboard: Leaderboard
  readonly deadlineMs: number
  readonly clock: Clock
  readonly report: ReportRecalculation
}): TransactionChannel<RecalculationMessage> {
  const { leaderboard, clock } = options
  return {
    name: 'leaderboard',
    deadlineMs: options.deadlineMs,
    async run(intent, message, store) {
      const startedAt = clock.now()
      const result = await store.transact<Recalculated>(intent, options.deadlineMs * 2, async (tx) => {
        const recalculated = await leaderboard.recalculate(message.campaignId, tx)
        return { result: recalculated, settlement: recalculated.is === 'locked' ? locked : done }
      })
      if (result === 'lost') return { is: 'lost' }
      if (result.is === 'locked') return { is: 'ran', outcome: 'waiting', reason: 'campaign-locked' }
      options.report({ campaignId: message.campaignId, rowsChanged: result.rowsChanged, durationMs: clock.now() - startedAt })
      // After the commit, in a statement of its own: a mail that looks now must see the new positions.
      await leaderboard.wakeWaitingMails(message.campaignId)
      return { is: 'ran', outcome: 'done', reason: null }
    },
  }
}
