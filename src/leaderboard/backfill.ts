import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'

/** The outcome of one campaign. */
export type Backfilled =
  /**
   * Every participant is ranked. `rows` were ranked in batches; `corrected` were written by the recalculation at the end, which ranks those
   * that changed meanwhile; `whole`: it was a full ranking.
   */
  | { readonly is: 'done'; readonly rows: number; readonly corrected: number; readonly whole: boolean }
  /** No participant waits for a first rank. */
  | { readonly is: 'nothing' }
  /** Another session holds the campaign's lock, or locks on its rows. The next try starts from the beginning, or resumes. */
  | { readonly is: 'locked'; readonly by: 'campaign' | 'rows' }
  /** Some are ranked with `rankedWith` points per referral, and the setting is `points`: a full ranking is required. `rows` were ranked before that was found. */
  | { readonly is: 'other-points'; readonly rows: number; readonly rankedWith: number; readonly points: number }

/** Progress of a backfill. */
export type BackfillFact =
  /** A batch is committed: `ranked` of `of` participants have a rank, `rows` of them by this run of the campaign, which began `ms` ago. */
  | {
      readonly is: 'ranked'
      readonly campaignId: string
      readonly ranked: number
      readonly of: number
      readonly rows: number
      readonly ms: number
    }
  /** Rows locked by another session; retried. */
  | { readonly is: 'rows-locked'; readonly campaignId: string }
  /** Tried again after the others. */
  | { readonly is: 'postponed'; readonly campaignId: string; readonly by: 'campaign' | 'rows' }
  | { readonly is: 'ended'; readonly campaignId: string; readonly backfilled: Backfilled; readonly left: number }

export type ReportBackfill = (fact: BackfillFact) => void

/** The port to the first ranking. Throws SqlError. */
export interface Backfiller {
  /**
   * Campaigns that are not deleted and have participants without a rank, by id; or `only`.
   *
   * @throws {OperatorError} when there is no such campaign.
   */
  campaigns(only: string | null): Promise<readonly string[]>
  /** Ranks the participants of one campaign that have no rank, in batches that commit separately. */
  backfill(campaignId: string, report: ReportBackfill): Promise<Backfilled>
}

/** Pauses while only campaigns locked by other sessions are left. */
const RETRY_MS = { baseMs: 100, maxMs: 1_000 }

/** One campaign after the other; locked ones are retried after the others until they are free. */
export async function backfillAll(
  backfiller: Backfiller,
  campaigns: readonly string[],
  on: { readonly clock: Clock; readonly report: ReportBackfill },
): Promise<ReadonlyMap<string, Backfilled>> {
  const ended = new Map<string, Backfilled>()
  let left = campaigns
  for (let round = 1; left.length > 0; round++) {
    const locked: string[] = []
    for (const [index, campaignId] of left.entries()) {
      const backfilled = await backfiller.backfill(campaignId, on.report)
      if (backfilled.is === 'locked') {
        locked.push(campaignId)
        on.report({ is: 'postponed', campaignId, by: backfilled.by })
        continue
      }
      ended.set(campaignId, backfilled)
      on.report({ is: 'ended', campaignId, backfilled, left: left.length - index - 1 + locked.length })
    }
    // After a round with progress the next one follows at once.
    if (locked.length === left.length) await on.clock.sleep(backoff(round, RETRY_MS))
    left = locked
  }
  return ended
}
