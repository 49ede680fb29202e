import type { MailType } from '../delivery/email/mail-message.ts'
import { spellingsOf } from '../std/address-spelling.ts'
import type { Intent } from '../model/intent.ts'
import type { Sql } from '../std/sql.ts'
import { sqlArray } from '../std/sql-array.ts'
import { expectOne } from './expect-one.ts'

/** The operator's rules for every mail; the first one also applies to deliveries of rewards. */
export interface MailRules {
  /** An event that is older when it is first accepted sends no mail and delivers no reward (`MAIL_MAX_EVENT_AGE_SECONDS`). */
  readonly maxEventAgeMs: number
  /** Whether this address may get mail (`MAIL_ALLOWED_RECIPIENTS`). */
  readonly isAllowed: (address: string) => boolean
  /** The unsubscribe link of mails that do not answer an action of the person; null: none is configured. */
  readonly unsubscribeLink: UnsubscribeLink | null
}

/** The unsubscribe link of a person for a campaign's list. */
export type UnsubscribeLink = (of: { readonly userId: string; readonly campaignId: string }) => string

/** Rules that allow everything. */
export const everythingGoes: MailRules = { maxEventAgeMs: Infinity, isAllowed: () => true, unsubscribeLink: null }

/** Mail types that stop after an unsubscribe; all others are still sent. */
const unasked: ReadonlySet<MailType> = new Set<MailType>(['position_update', 'milestone'])

export function canUnsubscribeFrom(type: MailType): boolean {
  return unasked.has(type)
}

/** The address of the mail, and its suppressions. */
export interface AddressRow {
  /** From the person's row; for a mail that has been sent before, the address that it was sent to. */
  readonly address: string
  /** Reasons in `worker.suppressions`; null for none. */
  readonly suppressions: readonly string[] | null
}

/**
 * What a statement selects to get an {@link AddressRow}; it names the tables `u` and `c`. `claimed` is SQL for the address
 * that {@link claimedTo} found. A subquery instead of a join: each person costs one lookup by primary key whatever the size of the table,
 * and no plan can turn it into a scan.
 */
export function addressColumns(claimed: string): string {
  const address = `coalesce(${claimed}, u.email)`
  return `${address} AS address, (
    SELECT array_agg(s.reason) FROM worker.suppressions s
     WHERE s.account_id = c.account_id AND s.address_hash = worker.address_hash(${address})) AS suppressions`
}

/**
 * The rows, in their order, with the suppressions of their mailboxes in any spelling. Nearly every address has only one spelling and costs
 * nothing here; the others are looked up by one statement.
 */
export async function inEverySpelling<
  Row extends Pick<AddressRow, 'suppressions'> & { readonly address: string | null; readonly campaign_id: string | null },
>(read: Sql, rows: readonly Row[]): Promise<readonly Row[]> {
  const lookups = rows.flatMap((row, n) => {
    const spellings = row.address === null ? [] : spellingsOf(row.address)
    return spellings.length <= 1 ? [] : spellings.map((spelling) => ({ n, campaignId: row.campaign_id, spelling }))
  })
  if (lookups.length === 0) return rows
  const found = await read.query<{ n: number; reason: string }>(
    `SELECT DISTINCT q.n, s.reason
       FROM unnest($1::int[], $2::uuid[], $3::text[]) AS q (n, campaign_id, spelling)
       JOIN platform.campaigns c ON c.id = q.campaign_id
       JOIN worker.suppressions s ON s.account_id = c.account_id AND s.address_hash = sha256(convert_to(q.spelling, 'UTF8'))
      WHERE ${expectOne('q.n')}`,
    [sqlArray(lookups, ({ n }) => n), sqlArray(lookups, ({ campaignId }) => campaignId), sqlArray(lookups, ({ spelling }) => spelling)],
  )
  const reasons = Map.groupBy(found, ({ n }) => n)
  return rows.map((row, n) => {
    const more = reasons.get(n)
    return more === undefined ? row : { ...row, suppressions: [...(row.suppressions ?? []), ...more.map(({ reason }) => reason)] }
  })
}

/** The address that a mail was sent to before, in the platform's spelling: retries keep it. */
export function claimedTo(intent: Pick<Intent, 'frozen'>): string | null {
  const envelope = intent.frozen?.envelope
  const address = envelope?.['address'] ?? envelope?.['to']
  return typeof address === 'string' ? address : null
}

/** Why this mail may not go to this address; null when it may. */
export function forbiddenAddress(row: AddressRow, type: MailType, rules: Pick<MailRules, 'isAllowed'>): string | null {
  if (row.suppressions?.includes('bounced') === true) return 'suppressed-bounced'
  if (canUnsubscribeFrom(type) && row.suppressions?.includes('unsubscribed') === true) return 'suppressed-unsubscribed'
  return rules.isAllowed(row.address) ? null : 'not-allowed'
}

/**
 * Whether the event was too old when it was first accepted. Measured from the event to the creation of its intent, so that neither waits
 * nor retries make an intent stale. Replays are exempt, because an operator decided on them, and so are mails of a broadcast, whose age
 * was judged with the broadcast.
 */
export function isStale(intent: Pick<Intent, 'class' | 'eventAt' | 'createdAt'>, rules: Pick<MailRules, 'maxEventAgeMs'>): boolean {
  if (intent.class === 'replay' || intent.eventAt === null) return false
  return intent.createdAt.getTime() - intent.eventAt.getTime() > rules.maxEventAgeMs
}
