import type { Intent } from '../../model/intent.ts'
import { missingRow } from '../eligibility.ts'

/** What is read before a mail may name a position. */
export interface PositionRow {
  readonly now: Date
  readonly referral_status: string | null
  /** Stored position and ranked columns agree with the source columns and the campaign's points. */
  readonly ranked: boolean | null
  /** A recalculation that began after the first attempt of this mail has committed. */
  readonly recalculated: boolean | null
}

/** Reason of the wait; a recalculation of the campaign makes intents with this reason due. */
export const awaitingRecalculation = 'awaiting-recalculation'

/** Reasons of waits for a rate limit; only mails that were ready to be sent have them. */
const putOff: ReadonlySet<string | null> = new Set(['domain-rate', 'relay-rate'])

/**
 * What a statement selects to get a {@link PositionRow}; it names {@link positionJoins}'s table `p`, `u`, and the mail `q` with
 * `referral_id` and `waiting_since`. Without a referral nothing is looked up. The referral is found by its id alone; by its referrer, all
 * referrals of that person might be read. The start of the wait is truncated to milliseconds: a recalculation that began within the same
 * millisecond may have begun before it.
 */
export const positionColumns = `CASE WHEN q.referral_id IS NOT NULL THEN (
    SELECT CASE WHEN f.referrer_id = u.id THEN f.status END FROM platform.referrals f WHERE f.id = q.referral_id) END AS referral_status,
  u.ranked_score IS NOT NULL AND u.ranked_ppr = p.points
    AND u.ranked_score = u.original_position::bigint - u.verified_referral_count::bigint * p.points AS ranked,
  q.referral_id IS NOT NULL AND EXISTS (SELECT FROM worker.recalculations k WHERE k.campaign_id = u.campaign_id AND k.began_at >= q.waiting_since + interval '1 millisecond') AS recalculated`

/** The campaign's points per referral as the leaderboard reads them. */
export const positionJoins = `CROSS JOIN LATERAL (SELECT worker.points_per_referral(c.referral_config) AS points) p`

export type PositionWait =
  | { readonly is: 'go'; readonly note: string | null }
  | { readonly is: 'wait'; readonly reason: string; readonly afterMs: number }
  | { readonly is: 'skip'; readonly reason: string }

/**
 * The referral must be verified in its row (the platform may publish before it commits). Then the mail is sent once its person's row is
 * clean or a recalculation has run since the first attempt; after `positionMailMaxWaitMs` it is sent with the stored position, and noted.
 * It is tried after a second, then at doubling intervals up to 30 seconds, or when a recalculation wakes it.
 */
export function awaitPosition(
  row: PositionRow,
  intent: Pick<Intent, 'reason' | 'waitingSince'>,
  settings: { readonly missingRowWaitMs: number; readonly positionMailMaxWaitMs: number },
): PositionWait {
  if (row.referral_status !== 'verified' && row.referral_status !== 'converted') {
    const wait = missingRow(intent, { missingRowWaitMs: settings.missingRowWaitMs, now: row.now })
    if (wait.is !== 'go') return wait
  }
  // A mail that waits for a rate limit has waited for its position before.
  if (row.ranked === true || putOff.has(intent.reason)) return { is: 'go', note: null }
  const since = intent.reason === awaitingRecalculation ? intent.waitingSince : null
  if (since !== null && row.recalculated === true) return { is: 'go', note: null }
  const waitedMs = since === null ? 0 : row.now.getTime() - since.getTime()
  if (waitedMs >= settings.positionMailMaxWaitMs) return { is: 'go', note: 'position-not-recalculated' }
  const leftMs = settings.positionMailMaxWaitMs - waitedMs
  return { is: 'wait', reason: awaitingRecalculation, afterMs: Math.min(leftMs, Math.max(1_000, Math.min(30_000, waitedMs))) }
}
