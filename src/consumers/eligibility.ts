import type { Intent } from '../model/intent.ts'
import type { Wait } from '../model/intent-kind.ts'

/**
 * Whether a campaign may write to a person now: the rules that every mail and every delivery share (docs/reference/states.md, Skipped).
 * They are judged by the rows at each attempt, never by the event.
 */
export type Eligibility = { readonly is: 'go' } | { readonly is: 'skip'; readonly reason: string } | Wait

/** The campaign and its account. */
export interface CampaignRow {
  readonly campaign_status: string | null
  readonly campaign_deleted: boolean | null
  readonly account_status: string | null
}

/** All null when the person's row does not exist (yet). */
export interface EligibilityRow extends CampaignRow {
  readonly person_status: string | null
  readonly person_deleted: boolean | null
}

/** What a statement selects to get an {@link EligibilityRow}; it names the tables `u`, `c` and `a`. */
export const eligibilityColumns = `
  u.status AS person_status, u.deleted_at IS NOT NULL AS person_deleted,
  c.status AS campaign_status, c.deleted_at IS NOT NULL AS campaign_deleted,
  a.status AS account_status`

/**
 * Joins the campaign and the account of the person `u`, after `waitlist_users u`. Outer joins, so that a statement can always return a
 * row. The account is that of the campaign's row; the one in the event is not trusted.
 */
export const eligibilityJoins = `
  LEFT JOIN platform.campaigns c ON c.id = u.campaign_id
  LEFT JOIN platform.accounts a ON a.id = c.account_id`

/** Reason of an intent that waits for a row that the platform has not committed yet. */
export const awaitingRow = 'awaiting-row'

/** Intents of a paused campaign are resumed with the campaign; otherwise they are checked again after this time. Milliseconds. */
const PAUSED_MS = 3_600_000

/** Reason of the skip that ends this wait. */
export const notFound = 'not-found'

export interface EligibilitySettings {
  /** How long a row may be missing before its intent is skipped (`MISSING_ROW_WAIT_MS`). */
  readonly missingRowWaitMs: number
  /** By the database's clock where available, like `waitingSince`. */
  readonly now: Date
}

/** Decides by the person's row; `undefined`: the statement found none. */
export function judge(
  row: EligibilityRow | undefined,
  intent: Pick<Intent, 'reason' | 'waitingSince'>,
  settings: EligibilitySettings,
): Eligibility {
  if (row === undefined || row.person_status === null) return missingRow(intent, settings)
  if (row.person_deleted === true) return skip('person-deleted')
  if (row.person_status === 'blocked' || row.person_status === 'removed') return skip(`person-${row.person_status}`)
  return judgeCampaign(row)
}

/** The rules that concern the campaign alone. */
export function judgeCampaign(row: CampaignRow): Eligibility {
  if (row.campaign_deleted === true) return skip('campaign-deleted')
  if (row.account_status === 'suspended' || row.account_status === 'canceled') return skip(`account-${row.account_status}`)
  if (row.campaign_status === 'draft') return skip('campaign-draft')
  if (row.campaign_status === 'paused') return { is: 'wait', reason: 'campaign-paused', afterMs: PAUSED_MS, of: 'campaign' }
  return { is: 'go' }
}

/**
 * The platform may publish before its own transaction commits, so the intent waits for a missing row: a second at first, then as long
 * again as it has waited, at most half a minute. The wait begins with the first attempt that found no row, not with the creation of the
 * intent, so that an old intent (a backlog, a replay) has its full time, too.
 */
export function missingRow(intent: Pick<Intent, 'reason' | 'waitingSince'>, settings: EligibilitySettings): Eligibility {
  const since = intent.reason === awaitingRow && intent.waitingSince !== null ? intent.waitingSince : settings.now
  const waitedMs = Math.max(0, settings.now.getTime() - since.getTime())
  const leftMs = settings.missingRowWaitMs - waitedMs
  if (leftMs <= 0) return skip(notFound)
  return { is: 'wait', reason: awaitingRow, afterMs: Math.min(leftMs, Math.max(1_000, Math.min(30_000, waitedMs))) }
}

function skip(reason: string): Eligibility {
  return { is: 'skip', reason }
}
