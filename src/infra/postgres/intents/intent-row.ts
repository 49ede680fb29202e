import type { Frozen, Intent, IntentClass, JsonObject } from '../../../model/intent.ts'
import type { ChannelName } from '../../../model/messages.ts'

const columns: readonly (keyof IntentRow)[] = [
  'id',
  'group_name',
  'kind',
  'version',
  'channel',
  'key',
  'class',
  'coalesce',
  'event_id',
  'event_at',
  'correlation_id',
  'traceparent',
  'campaign_id',
  'user_id',
  'destination',
  'data',
  'attempt',
  'ambiguous',
  'waiting_since',
  'reason',
  'created_at',
  'envelope',
  'body',
  'owner',
  'claims',
]

/** What {@link intentOf} reads of `worker.intents`, as a select list; goes behind SELECT and RETURNING alike. */
export const intentColumns = columns.map((column) => `"${column}"`).join(', ')

/** A row of `worker.intents` as the driver returns it. */
export interface IntentRow {
  readonly id: string
  readonly group_name: string
  readonly kind: string
  readonly version: number
  readonly channel: ChannelName
  readonly key: string
  readonly class: IntentClass
  readonly coalesce: boolean
  readonly event_id: string | null
  readonly event_at: Date | null
  readonly correlation_id: string | null
  readonly traceparent: string | null
  readonly campaign_id: string
  readonly user_id: string | null
  readonly destination: string | null
  readonly data: JsonObject
  readonly attempt: number
  readonly ambiguous: number
  readonly waiting_since: Date | null
  readonly reason: string | null
  readonly created_at: Date
  readonly envelope: JsonObject | null
  readonly body: Buffer | null
  readonly owner: string | null
  readonly claims: number
}

/** The intent of a row that its owner has claimed. */
export function intentOf(row: IntentRow): Intent {
  return {
    id: row.id,
    group: row.group_name,
    kind: row.kind,
    version: row.version,
    channel: row.channel,
    key: row.key,
    class: row.class,
    coalesce: row.coalesce,
    eventId: row.event_id,
    eventAt: row.event_at,
    correlationId: row.correlation_id,
    traceparent: row.traceparent,
    campaignId: row.campaign_id,
    userId: row.user_id,
    destination: row.destination,
    data: row.data,
    attempt: row.attempt,
    ambiguous: row.ambiguous,
    waitingSince: row.waiting_since,
    reason: row.reason,
    createdAt: row.created_at,
    frozen: frozenOf(row),
    claim: { id: row.id, owner: row.owner ?? '', claims: row.claims },
  }
}

/** Null before the first start, and once nothing can be sent again: then neither a body nor what it is made of is left. */
function frozenOf({ envelope, body }: IntentRow): Frozen | null {
  return envelope !== null && (body !== null || 'content' in envelope) ? { envelope, body } : null
}
