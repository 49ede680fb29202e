/** The columns of an `IntentLine`, of `worker.intents AS i`. */
export const intentLine = `i.id, i.group_name AS "group", i.kind, i.channel, i.state, i.reason, i.data ->> 'type' AS type, i.user_id AS "userId",
  i.data ->> 'user_reward_id' AS "userRewardId", (SELECT ur.reward_id FROM platform.user_rewards AS ur WHERE ur.id = ${uuidIn(`i.data ->> 'user_reward_id'`)}) AS "rewardId",
  i.campaign_id AS "campaignId", i.event_id AS "eventId", i.attempt, i.claims, i.coalesce, i.envelope ->> 'messageId' AS "messageId",
  i.created_at AS "createdAt", i.due_at AS "dueAt", i.finished_at AS "finishedAt",
  (SELECT jsonb_build_object('destination', b.destination, 'reason', b.reason, 'since', b.open_since,
            'host', (SELECT regexp_replace(substring(w.url FROM '^https?://[^/?#]+'), '//.*@', '//') FROM platform.webhooks AS w WHERE w.id::text = b.destination))
     FROM worker.breakers AS b
    WHERE i.state IN ('pending', 'ambiguous') AND b.channel = i.channel
      AND b.destination = CASE i.channel WHEN 'email' THEN 'relay' ELSE i.destination END) AS away`

/** An id that is none is no reason to fail. */
function uuidIn(text: string): string {
  return `CASE WHEN ${text} ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (${text})::uuid END`
}
