import type { IntentDraft, Json } from '../../model/intent.ts'
import type { BroadcastMessage } from '../../delivery/broadcast/broadcast-message.ts'
import { prepareEach, type IntentKind, type Prepared } from '../../model/intent-kind.ts'
import type { DomainEvent } from '../../events/event.ts'
import type { Sql } from '../../std/sql.ts'
import { judgeCampaign, missingRow, type CampaignRow, type Eligibility, type EligibilitySettings } from '../eligibility.ts'
import { isStale, type MailRules } from '../mail-rules.ts'
import { mailDraft } from './mail-kind.ts'

/** A second pass follows the last page: the platform may publish before it commits, and the person who reached the milestone was missing. */
const SECOND_PASS_MS = 3_000

/** One broadcast per milestone event; its mails are written page by page. */
export function broadcastDraft(event: DomainEvent<'campaign.milestone_reached'>): IntentDraft {
  return {
    kind: 'milestone-broadcast',
    version: 1,
    channel: 'broadcast',
    key: `broadcast:${event.id}`,
    campaignId: event.data.campaign_id,
    class: 'broadcast',
    data: { milestone: event.data.milestone, participant_count: event.data.participant_count },
  }
}

/**
 * The recipients of a milestone: participants who had verified by then, consented to marketing and may still get mail. The campaign is judged
 * before each page, so that no mails are created only to be skipped or to wait.
 */
export function createMilestoneBroadcastKind(
  settings: Omit<EligibilitySettings, 'now'> & { readonly rules: MailRules },
): IntentKind<'broadcast'> {
  return {
    kind: 'milestone-broadcast',
    version: 1,
    channel: 'broadcast',
    prepare: prepareEach(async (intent, read): Promise<Prepared<BroadcastMessage>> => {
      const { eventId, eventAt, campaignId, data } = intent
      if (eventId === null || eventAt === null) return { is: 'skip', reason: 'no-event' }
      if (isStale(intent, settings.rules)) return { is: 'skip', reason: 'stale' }
      const [row] = await read.query<CampaignRow & { now: Date }>(campaign, [campaignId])
      const now = row?.now ?? new Date()
      const judged: Eligibility =
        row === undefined || row.campaign_status === null ? missingRow(intent, { ...settings, now }) : judgeCampaign(row)
      if (judged.is !== 'go') return judged
      const content = { milestone: data['milestone'] ?? null, participant_count: data['participant_count'] ?? null }
      return {
        is: 'message',
        message: {
          async count(tx) {
            const [row] = await tx.query<{ count: number }>(countOfRecipients, [campaignId, endOf(eventAt), intent.group, eventId])
            return row?.count ?? 0
          },
          async page(cursor, limit, tx) {
            const { pass, after } = placeOf(cursor)
            const people = await pageOf(tx, { campaignId, after, verifiedBefore: endOf(eventAt), limit })
            const drafts = people.map((userId) => ({
              ...mailDraft(eventId, 'milestone', { campaignId, userId }, content),
              class: intent.class === 'replay' ? ('replay' as const) : ('broadcast' as const),
            }))
            const last = people.at(-1)
            if (last !== undefined && people.length === limit) return { drafts, cursor: pass === 1 ? last : { again: last } }
            return pass === 1 ? { drafts, cursor: { again: beforeAll }, pauseMs: SECOND_PASS_MS } : { drafts, cursor: null }
          },
        },
      }
    }),
  }
}

/** Joined to the clock, so that there is always a row. */
const campaign = `
  SELECT parameters.now, c.status AS campaign_status, c.deleted_at IS NOT NULL AS campaign_deleted, a.status AS account_status
    FROM (SELECT now() AS now, $1::uuid AS id) parameters
    LEFT JOIN platform.campaigns c ON c.id = parameters.id
    LEFT JOIN platform.accounts a ON a.id = c.account_id`

/**
 * The event's time is truncated to milliseconds, or to seconds by some publishers, while `verified_at` is exact: the person whose
 * verification reached the milestone may have verified within the truncated unit.
 */
function endOf(eventAt: Date): Date {
  const ms = eventAt.getTime()
  return new Date(ms + (ms % 1_000 === 0 ? 1_000 : 1))
}

/** The pass, and the last person of the previous page: an id, or `{ again: id }` in the second pass. */
function placeOf(cursor: Json): { readonly pass: 1 | 2; readonly after: string } {
  if (typeof cursor === 'string') return { pass: 1, after: cursor }
  const again = typeof cursor === 'object' && cursor !== null && 'again' in cursor ? cursor['again'] : null
  return typeof again === 'string' ? { pass: 2, after: again } : { pass: 1, after: beforeAll }
}

interface Page {
  readonly campaignId: string
  readonly after: string
  readonly verifiedBefore: Date
  readonly limit: number
}

async function pageOf(tx: Sql, { campaignId, after, verifiedBefore, limit }: Page): Promise<readonly string[]> {
  const people = await tx.query<{ id: string }>(recipients, [campaignId, after, verifiedBefore, limit])
  return people.map(({ id }) => id)
}

/** Below every id, so that the first page is read like the others; an OR with null would read from the start each time. */
const beforeAll = '00000000-0000-0000-0000-000000000000'

/** Those who would get a mail: recipients without one of this event. */
const countOfRecipients = `SELECT count(*)::int AS count FROM platform.waitlist_users u
 WHERE u.campaign_id = $1 AND u.status IN ('verified', 'converted') AND u.verified_at < $2
   AND u.marketing_consent AND u.deleted_at IS NULL
   AND (SELECT s.reason FROM worker.suppressions s
         WHERE s.account_id = (SELECT c.account_id FROM platform.campaigns c WHERE c.id = $1)
           AND s.address_hash = worker.address_hash(u.email) LIMIT 1) IS NULL
   AND NOT EXISTS (SELECT FROM worker.intents i
                    WHERE i.group_name = $3 AND NOT i.coalesce AND i.key = 'mail:' || $4 || ':milestone:' || u.id)`

// One lookup per person; for an anti-join the planner may read all suppressions of the account for each page.
const recipients = `SELECT u.id FROM platform.waitlist_users u
 WHERE u.campaign_id = $1 AND u.id > $2 AND u.status IN ('verified', 'converted') AND u.verified_at < $3
   AND u.marketing_consent AND u.deleted_at IS NULL
   AND (SELECT s.reason FROM worker.suppressions s
         WHERE s.account_id = (SELECT c.account_id FROM platform.campaigns c WHERE c.id = $1)
           AND s.address_hash = worker.address_hash(u.email) LIMIT 1) IS NULL
 ORDER BY u.id LIMIT $4`
