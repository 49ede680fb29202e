import type { Sql } from '../std/sql.ts'

/** Which movements of a run are recorded for `workerctl leaderboard explain`: none, the hundred largest, or all. */
export type LeaderboardHistory = 'off' | 'top' | 'all'

/**
 * Why a whole campaign was ranked instead of windows: for the first time, with other points than before, because so many rows have
 * changed that it is cheaper, or because stored positions were not those of the last ranking.
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
   * Waits at most half a second for rows that another session has locked, and hardly at all with `again`. Throws SqlError 55P03 then, and
   * 57014 when ranking takes longer than `deadlineMs` (ten minutes when not given).
   */
  recalculate(campaignId: string, tx: Sql, again: boolean, deadlineMs?: number): Promise<Recalculated>
  /**
   * Pauses a campaign whose recalculation took longer than `deadlineMs`, longer each time, and resolves to the pause in milliseconds.
   * A recalculation that commits, here or by `workerctl`, ends it.
   */
  pause(campaignId: string, group: string, deadlineMs: number): Promise<number>
  /** How long the campaign is still paused, in milliseconds; null: it is not. */
  pauseLeftMs(campaignId: string, tx: Sql): Promise<number | null>
  /** Makes mails that wait for this campaign's recalculation due; after its commit, in a statement of its own. */
  wakeWaitingMails(campaignId: string): Promise<number>
  /** Writes a recalculation for every campaign with dirty rows, or ranked with other points than its setting. */
  sweep(group: string): Promise<number>
}
