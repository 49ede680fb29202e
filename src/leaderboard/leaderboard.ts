import type { Sql } from '../std/sql.ts'

/** How much of a run's movements is kept for `workerctl leaderboard explain`: nothing, the largest hundred, or all. */
export type LeaderboardHistory = 'off' | 'top' | 'all'

/**
 * Why a whole campaign was ranked instead of windows: for the first time, with other points than before, because so many have
 * changed that it is cheaper, or because stored positions were not what they must be.
 */
export type FullBecause = 'first' | 'points' | 'many' | 'unsure'

/** What one recalculation did. */
export type Recalculated =
  /** `because` is null when only windows were ranked. */
  | { readonly is: 'done'; readonly because: FullBecause | null; readonly rowsChanged: number; readonly durationMs: number }
  /** Another transaction holds the campaign's lock. */
  | { readonly is: 'locked' }

/** The port to the stored positions. */
export interface Leaderboard {
  /**
   * Takes the campaign's advisory lock in a statement of its own, then makes stored positions agree with the rule, writing
   * changed rows only, and records the run in the same transaction. READ COMMITTED only.
   *
   * Waits half a second at most for rows that somebody else has locked, and hardly at all `again`. Throws SqlError 55P03 then, and
   * 57014 when ranking takes longer than `deadlineMs` (ten minutes when not given).
   */
  recalculate(campaignId: string, tx: Sql, again: boolean, deadlineMs?: number): Promise<Recalculated>
  /**
   * A recalculation took longer than `deadlineMs`: `group` leaves the campaign alone for as long as this resolves to, in milliseconds,
   * longer each time. One that commits, here or by `workerctl`, ends that.
   */
  putOff(campaignId: string, group: string, deadlineMs: number): Promise<number>
  /** How long the campaign is still left alone, in milliseconds; null when it is not. */
  putOffMs(campaignId: string, tx: Sql): Promise<number | null>
  /** Makes mails that wait for this campaign's recalculation due; after its commit, in a statement of its own. */
  wakeWaitingMails(campaignId: string): Promise<number>
  /** Writes a recalculation for every campaign with dirty rows, or ranked with other points than its setting. */
  sweep(group: string): Promise<number>
}
