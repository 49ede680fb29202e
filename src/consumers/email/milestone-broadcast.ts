import type { IntentDraft, Json } from '../../delivery/intent.ts'
import type { IntentKind } from '../../delivery/kind.ts'
import type { DomainEvent } from '../../events/event.ts'
import { mailDraft } from './mail-kind.ts'

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

/** Who hears of a milestone: those who had verified by then, agreed to marketing, and may still be written to. */
export const milestoneBroadcastKind: IntentKind<'broadcast'> = {
  kind: 'milestone-broadcast',
  version: 1,
  channel: 'broadcast',
  async prepare(intent) {
    const { eventId, eventAt, campaignId, data } = intent
    if (eventId === null || eventAt === null) return { is: 'skip', reason: 'no-event' }
    return {
      is: 'message',
      message: {
        async page(cursor, limit, tx) {
          const people = await tx.query<{ id: string }>(recipients, [
            campaignId,
            typeof cursor === 'string' ? cursor : beforeAll,
            eventAt,
            limit,
          ])
          const drafts = people.map(({ id }) => ({
            ...mailDraft(
              eventId,
              'milestone',
              { campaignId, userId: id },
              { milestone: data['milestone'] ?? null, participant_count: data['participant_count'] ?? null },
            ),
            class: 'broadcast' as const,
          }))
          const last: Json = people.at(-1)?.id ?? null
          return { drafts, cursor: people.length < limit ? null : last }
        },
      },
    }
  },
}

/** Below every id, so that the first page is asked for like the others: an OR with null would read from the start each time. */
const beforeAll = '00000000-0000-0000-0000-000000000000'

const recipients = `SELECT u.id FROM waitlist_users u
 WHERE u.campaign_id = $1 AND u.id > $2 AND u.status IN ('verified', 'converted') AND u.verified_at <= $3
   AND u.marketing_consent AND u.deleted_at IS NULL
   AND NOT EXISTS (SELECT FROM worker.suppressions s
                    WHERE s.account_id = (SELECT account_id FROM campaigns WHERE id = $1) AND s.address_hash = worker.address_hash(u.email))
 ORDER BY u.id LIMIT $4`
