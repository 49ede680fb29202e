import type { MailType } from '../delivery/email/mail-message.ts'
import { spellingsOf } from '../std/address-spelling.ts'
import type { Intent } from '../model/intent.ts'
import type { Sql } from '../std/sql.ts'
import { sqlArray } from '../std/sql-array.ts'
import { expectOne } from './expect-one.ts'

/** What the operator rules about every mail, and of the first rule about every delivery of a reward. */
export interface MailRules {
  /** An event that is older when it is first accepted has no effect on people any more (`MAIL_MAX_EVENT_AGE_SECONDS`). */
  readonly maxEventAgeMs: number
  /** Whether this address may get mail at all (`MAIL_ALLOWED_RECIPIENTS`). */
  readonly isAllowed: (address: string) => boolean
  /** The unsubscribe link of mails that are not a reply to the person's own action; null without one. */
  readonly unsubscribeLink: UnsubscribeLink | null
}

/** The link of one person on one campaign's list. */
export type UnsubscribeLink = (of: { readonly userId: string; readonly campaignId: string }) => string

/** Rules that forbid nothing. */
export const everythingGoes: MailRules = { maxEventAgeMs: Infinity, isAllowed: () => true, unsubscribeLink: null }

/** Mails that an unsubscribed person no longer gets; all other mails are still sent. */
const unasked: ReadonlySet<MailType> = new Set<MailType>(['position_update', 'milestone'])

export function canUnsubscribeFrom(type: MailType): boolean {
  return unasked.has(type)
}

/** Where the mail goes, and what is on record against that address. */
export interface AddressRow {
  /** That of the person's row; once a mail was handed over, the one it was handed over with. */
  readonly address: string
  /** Reasons in `worker.suppressions`; null for none. */
  readonly suppressions: readonly string[] | null
}

/**
 * What a statement selects to get an {@link AddressRow}; it names the tables `u` and `c`. `claimed` is SQL for the address
 * that {@link claimedTo} found. A subquery and no join: each person costs one look into the primary key, however many rows
 * the table has, and no plan can make of it a read of the whole.
 */
export function addressColumns(claimed: string): string {
  const address = `coalesce(${claimed}, u.email)`
  return `${address} AS address, (
    SELECT array_agg(s.reason) FROM worker.suppressions s
     WHERE s.account_id = c.account_id AND s.address_hash = worker.address_hash(${address})) AS suppressions`
}

/**
 * The rows, in their order, with what is on record against their mailboxes in any spelling. Nearly every address has one spelling only,
 * and costs nothing here; those of the others are looked up by one statement.
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

/** The address of a mail that was handed over before, as the platform writes it: a retry goes there and nowhere else. */
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
 * The event was old when it was first accepted: nobody wants last month's news. Measured between the event and the birth of
 * its intent, so that waiting and retrying make nothing stale; a replay is somebody's decision, and a mail of a broadcast was
 * judged with the broadcast.
 */
export function isStale(intent: Pick<Intent, 'class' | 'eventAt' | 'createdAt'>, rules: Pick<MailRules, 'maxEventAgeMs'>): boolean {
  if (intent.class === 'replay' || intent.eventAt === null) return false
  return intent.createdAt.getTime() - intent.eventAt.getTime() > rules.maxEventAgeMs
}
