import type { ChannelDefinition, ChannelDefinitions } from '../../../delivery/define-channel.ts'

/** The columns of an `IntentLine`, of `worker.intents AS i`. */
export function intentLine(channels: ChannelDefinitions): string {
  const sole = perChannel(channels, ({ destinations }) => destinations?.sole ?? null)
  const names = perChannel(channels, ({ destinations }) => destinations && JSON.stringify(destinations.names))
  return `i.id, i.group_name AS "group", i.kind, i.channel, i.state, i.reason, i.data ->> 'type' AS type, i.user_id AS "userId",
  i.data ->> 'user_reward_id' AS "userRewardId", (SELECT ur.reward_id FROM platform.user_rewards AS ur WHERE ur.id = ${uuidIn(`i.data ->> 'user_reward_id'`)}) AS "rewardId",
  i.campaign_id AS "campaignId", i.event_id AS "eventId", i.destination, i.attempt, i.claims, i.coalesce, i.envelope ->> 'messageId' AS "messageId",
  i.created_at AS "createdAt", i.due_at AS "dueAt", i.finished_at AS "finishedAt",
  (SELECT jsonb_build_object('destination', b.destination, 'reason', b.reason, 'since', b.open_since,
            'sole', ${sole} IS NOT NULL, 'names', (${names})::jsonb,
            'host', (SELECT regexp_replace(substring(w.url FROM '^https?://[^/?#]+'), '//.*@', '//') FROM platform.webhooks AS w WHERE w.id::text = b.destination))
     FROM worker.breakers AS b
    WHERE i.state IN ('pending', 'ambiguous') AND b.channel = i.channel AND b.destination = coalesce(${sole}, i.destination)) AS away`
}

/** What the list of channels says of an intent's: `valueOf` its channel, as text. */
function perChannel(channels: ChannelDefinitions, valueOf: (channel: ChannelDefinition) => string | null): string {
  const cases = Object.values(channels).flatMap((channel) => {
    const value = valueOf(channel)
    return value === null ? [] : [`WHEN ${quoted(channel.name)} THEN ${quoted(value)}`]
  })
  return cases.length === 0 ? 'NULL::text' : `(CASE i.channel ${cases.join(' ')} END)`
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Null for text that is not an id. */
function uuidIn(text: string): string {
  return `CASE WHEN ${text} ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (${text})::uuid END`
}
