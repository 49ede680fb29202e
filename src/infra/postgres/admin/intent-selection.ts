import type { IntentFilter } from '../../../admin/intents/intent-admin.ts'

/**
 * The intents that match a filter, as a condition over `i`; its parameters are $1 to $10. Filters that are not given are null, and a plan
 * made for the values skips them: held intents and those of a person are found by index, others by reading the table, which an operator's command may do
 * and a daemon must not.
 */
export const selected = `
      ($1::bigint[] IS NULL OR i.id = ANY ($1))
  AND ($2::text[] IS NULL OR i.state = ANY ($2))
  AND ($3::text[] IS NULL OR i.reason = ANY ($3))
  AND ($4::text[] IS NULL OR i.group_name = ANY ($4))
  AND ($5::text[] IS NULL OR i.kind = ANY ($5) OR i.data ->> 'type' = ANY ($5))
  AND ($6::uuid IS NULL OR i.campaign_id = $6)
  AND ($7::uuid IS NULL OR i.user_id = $7)
  AND ($8::uuid IS NULL OR i.event_id = $8)
  AND ($9::text[] IS NULL OR i.destination = ANY ($9))
  AND ($10::uuid IS NULL OR i.campaign_id IN (SELECT c.id FROM platform.campaigns AS c WHERE c.account_id = $10))`

export function selectionOf(filter: IntentFilter): readonly unknown[] {
  return [
    list(filter.ids),
    list(filter.states),
    list(filter.reasons),
    list(filter.groups),
    list(filter.kinds),
    filter.campaignId,
    filter.userId,
    filter.eventId,
    list(filter.destinations),
    filter.accountId,
  ]
}

function list(values: readonly string[]): readonly string[] | null {
  return values.length === 0 ? null : values
}
