import type { Clock } from '../std/clock.ts'
import { OperatorError } from '../std/failure.ts'
import { pendingSentence, type PendingRecalculation } from './standings.ts'

/** One campaign's stored positions compared with a full ranking, in one snapshot. */
export interface CampaignAudit {
  readonly campaignId: string
  /** Participants that the rule ranks. */
  readonly people: number
  /**
   * Rows whose position is not the number that the stored scores give them, or that were ranked with other points than the rest.
   * The sweep does not search for them, and a recalculation finds them only by chance.
   */
  readonly misplaced: number
  /** Rows that changed since they were ranked, or that were ranked with the campaign's former points. The sweep finds them. */
  readonly stale: number
  /** Rows that a full ranking would write: these, and those that move with them. */
  readonly differences: number
  /** The first of them, in the right order. */
  readonly first: readonly Difference[]
  readonly pending: PendingRecalculation | null
  /** Rows that the repair wrote, all that differed; null: no repair was requested, or nothing differed. */
  readonly repaired: number | null
}

/** Null: not in the ranking. */
export interface Difference {
  readonly userId: string
  readonly stored: number | null
  readonly right: number | null
}

/** `lock`: another session holds the campaign's lock; `rows`: another session has locked rows of its participants, or is deleting them. */
export interface Busy {
  readonly campaignId: string
  readonly busy: 'lock' | 'rows'
  readonly holder: LockHolder | null
}

/** A session that holds a campaign's lock. Null: the role may not see it. */
export interface LockHolder {
  readonly pid: number
  readonly application: string | null
  /** Age of its transaction. */
  readonly seconds: number | null
}

/** The port to the audit. Throws SqlError. */
export interface LeaderboardAuditor {
  /** `only`, if it exists, or all that are not deleted. */
  campaigns(only: string | null): Promise<readonly string[]>
  /**
   * One transaction under the campaign's lock; does not wait for it. With `repair` it writes the rows that differ, records that as a
   * recalculation, and wakes the mails that waited for one.
   */
  audit(campaignId: string, options: { readonly repair: boolean }): Promise<CampaignAudit | Omit<Busy, 'holder'>>
  holder(campaignId: string): Promise<LockHolder | null>
}

/** The result of an audit; only `misplaced` and `stale` need action. */
export type Verdict = 'right' | 'repaired' | 'pending' | 'stale' | 'misplaced'

const RETRY_MS = 250

/** Audits, and retries for up to `waitMs` while another session holds the lock. */
export async function auditWithRetry(
  auditor: LeaderboardAuditor,
  campaignId: string,
  options: { readonly repair: boolean; readonly waitMs: number; readonly clock: Clock },
): Promise<CampaignAudit | Busy> {
  for (const until = options.clock.monotonic() + options.waitMs; ;) {
    const audited = await auditor.audit(campaignId, options)
    if (!('busy' in audited)) return audited
    if (options.clock.monotonic() >= until) return { ...audited, holder: audited.busy === 'lock' ? await auditor.holder(campaignId) : null }
    await options.clock.sleep(RETRY_MS)
  }
}

export function verdictOf({ differences, repaired, misplaced, pending }: CampaignAudit): Verdict {
  if (differences === 0) return 'right'
  if (repaired !== null) return 'repaired'
  if (misplaced > 0) return 'misplaced'
  return pending === null ? 'stale' : 'pending'
}

/** A campaign's audit in lines. */
export function auditSentences(audit: CampaignAudit): readonly string[] {
  const { campaignId, people, misplaced, stale, differences, first, repaired } = audit
  const found = `Campaign ${campaignId}: ${some(people, 'participant')}, ${some(differences, 'difference')}`
  if (differences === 0) return [`${found}.`]
  const more = differences - first.length
  return [
    `${found} from a full ranking.`,
    ...(misplaced === 0
      ? []
      : [
          `  ${some(misplaced, 'row is', 'rows are')} misplaced: the position does not follow from the stored scores (a row deleted physically, ` +
            `a created_at or a position edited by hand). Recalculations rarely notice that.`,
        ]),
    ...(stale === 0
      ? []
      : [
          `  ${some(stale, 'row is', 'rows are')} stale: changed since ${stale === 1 ? 'it was' : 'they were'} ranked. ${pendingSentence(audit.pending)}`,
        ]),
    ...first.map(({ userId, stored, right }) => `  person ${userId}: ${stored ?? 'not ranked'}, should be ${right ?? 'not ranked'}`),
    ...(more === 0 ? [] : [`  and ${more} more.`]),
    ...(repaired === null ? [] : [`  Repaired: ${some(repaired, 'row')} written.`]),
  ]
}

export function busySentence({ campaignId, busy, holder }: Busy, waitMs: number): string {
  const waited = `${waitMs / 1_000} s`
  if (busy === 'rows') {
    return (
      `Campaign ${campaignId} was not repaired: another session locked or deleted rows of its participants for ${waited}. ` +
      `Nothing was changed. End the transaction that pg_stat_activity shows, then run the audit again.`
    )
  }
  const who = holder === null ? '' : ` (${holderOf(holder)})`
  const end = holder === null ? 'the session that pg_locks shows' : `it with SELECT pg_terminate_backend(${holder.pid})`
  return (
    `Campaign ${campaignId} was not audited: its lock was held for ${waited} by a recalculation or a frozen process${who}. ` +
    `Nothing was changed. Run the audit again in a minute; if the same session still holds the lock, end ${end}.`
  )
}

function holderOf({ pid, application, seconds }: LockHolder): string {
  return `PostgreSQL process ${pid}${application === null ? '' : ` of ${application}`}${seconds === null ? '' : `, in a transaction for ${seconds} s`}`
}

/**
 * Checks the result of the audits.
 *
 * @throws {OperatorError} when something is left for the operator: one sentence with the way out.
 */
export function requireCorrect(audits: readonly CampaignAudit[], busy: readonly Busy[], sweepMs: number): void {
  const count = (verdict: Verdict) => audits.filter((audit) => verdictOf(audit) === verdict).length
  const [misplaced, stale] = [count('misplaced'), count('stale')]
  const left = [
    ...(misplaced === 0 ? [] : [`misplaced rows in ${some(misplaced, 'campaign')}: run the audit with --repair`]),
    ...(stale === 0
      ? []
      : [
          `stale rows and no recalculation pending in ${some(stale, 'campaign')}: a running daemon requests one within LEADERBOARD_SWEEP_MS=${sweepMs}; run the audit again then, or with --repair`,
        ]),
    ...(busy.length === 0 ? [] : [`${some(busy.length, 'campaign')} locked by other sessions: run the audit again`]),
  ]
  if (left.length > 0) throw new OperatorError(`Not all positions are correct. Left: ${left.join('. Left: ')}.`)
}

function some(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
