import type { Explainer, EventRecord, RewardRecord } from '../../../admin/explain-event.ts'
import type { IntentLine } from '../../../admin/intents/intent-admin.ts'
import type { Sql } from '../../../std/sql.ts'
import type { ChannelDefinitions } from '../../../delivery/define-channel.ts'
import { intentLine } from './intent-line.ts'

/** Reads for `workerctl explain`. Throws SqlError. */
export function createExplainer(sql: Sql, channels: ChannelDefinitions): Explainer {
  const line = intentLine(channels)
  return {
    event: (eventId, groups) => sql.query<EventRecord>(eventStatement, [eventId, groups]),
    reward: async (userRewardId) => {
      const [row] = await sql.query<RewardRecord>(rewardStatement, [userRewardId])
      return row ?? null
    },
    intents: (of, limit) =>
      'userId' in of
        ? sql.query<IntentLine>(newest(line, 'i.user_id = $1'), [of.userId, limit])
        : sql.query<IntentLine>(newest(line, `i.data ->> 'user_reward_id' = $1`), [of.userRewardId, limit]),
  }
}

const eventStatement = `
SELECT o.group_name AS "group", o.outcome, o.type, o.partition, o."offset", o.at, d.reason
  FROM worker.outcomes AS o
  LEFT JOIN worker.dead_letters AS d ON d.group_name = o.group_name AND d.topic = o.topic AND d.partition = o.partition AND d."offset" = o."offset"
 WHERE o.group_name = ANY ($2::text[]) AND o.event_id = $1
UNION ALL
-- An event whose data could not be read has no outcome; the same id may have been published again, and accepted.
SELECT d.group_name, 'dead-letter', d.type, d.partition, d."offset", d.at, d.reason
  FROM worker.dead_letters AS d
 WHERE d.group_name = ANY ($2::text[]) AND d.event_id = $1
   AND NOT EXISTS (SELECT FROM worker.outcomes AS o WHERE o.group_name = d.group_name AND o.event_id = d.event_id)`

const rewardStatement = `
SELECT ur.id, ur.status, ur.user_id AS "userId", r.delivery_method AS "deliveryMethod", ur.delivery_attempts AS attempts,
       ur.delivery_error AS error, ur.delivered_at AS "deliveredAt", ur.expires_at AS "expiresAt"
  FROM platform.user_rewards AS ur JOIN platform.rewards AS r ON r.id = ur.reward_id
 WHERE ur.id = $1`

const newest = (line: string, condition: string) =>
  `SELECT ${line} FROM (SELECT * FROM worker.intents AS i WHERE ${condition} ORDER BY i.id DESC LIMIT $2) AS i ORDER BY i.id DESC`
