import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'

/** What became of one campaign. */
export type Backfilled =
  /**
   * Everybody who takes part is ranked. `rows` were ranked in batches; `mended` were written by the recalculation at the end, which sees
   * to those who changed meanwhile, `whole` when that ranked everybody.
   */
  | { readonly is: 'done'; readonly rows: number; readonly mended: number; readonly whole: boolean }
  /** Nobody waits for a first rank. */
  | { readonly is: 'nothing' }
  /** Somebody else holds the campaign's lock, or keeps rows of its people locked. It is as if it had not been begun, or goes on where it stood. */
  | { readonly is: 'locked'; readonly by: 'campaign' | 'rows' }
  /** Some are ranked with `rankedWith` points per referral, and the setting is `points`: only a whole ranking is right. `rows` were ranked before that came up. */
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
  /** Looked at again after the others. */
  | { readonly is: 'put-off'; readonly campaignId: string; readonly by: 'campaign' | 'rows' }
  | { readonly is: 'ended'; readonly campaignId: string; readonly backfilled: Backfilled; readonly left: number }

export type ReportBackfill = (fact: BackfillFact) => void

/** The port to the first ranking. Throws SqlError. */
export interface Backfiller {
  /**
   * Campaigns that are not deleted and have participants without a rank, by id; or only the one that was asked for.
   *
   * @throws {OperatorError} when there is no such campaign.
   */
  campaigns(only: string | null): Promise<readonly string[]>
  /** Ranks those of one campaign who have no rank, batch by batch, each committed by itself. */
  backfill(campaignId: string, report: ReportBackfill): Promise<Backfilled>
}

/** Pauses while only campaigns locked by other sessions are left. */
const LOOK_MS = { baseMs: 100, maxMs: 1_000 }

/** One campaign after the other; one that is locked is looked at again after the others, until it is free. */
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
        on.report({ is: 'put-off', campaignId, by: backfilled.by })
        continue
      }
      ended.set(campaignId, backfilled)
      on.report({ is: 'ended', campaignId, backfilled, left: left.length - index - 1 + locked.length })
    }
    // A round that got on with something is followed by the next one at once.
    if (locked.length === left.length) await on.clock.sleep(backoff(round, LOOK_MS))
    left = locked
  }
  return ended
}
