import type { Intent, Json, JsonObject } from '../../model/intent.ts'
import type { WebhookMessage } from '../../delivery/webhook/webhook-message.ts'
import type { FoundReward } from './reward-row.ts'

const eventType = 'reward.delivered'

/**
 * The message to the endpoint that the reward's `delivery_config.webhook_url` names; dead when that is not an active endpoint of the
 * tenant.
 */
export function rewardWebhook(row: FoundReward, intent: Intent): WebhookMessage | { readonly dead: string } {
  if (row.webhook_id === null || row.webhook_url === null) return { dead: 'no-endpoint' }
  return {
    endpointId: row.webhook_id,
    url: row.webhook_url,
    secret: row.webhook_secret ?? '',
    eventType,
    payload: payloadOf(row, intent, row.code),
    retryEnabled: row.retry_enabled ?? false,
    maxRetries: row.max_retries ?? 0,
  }
}

export function withWebhookCode(message: WebhookMessage, code: string | null): WebhookMessage {
  const data = message.payload['data']
  if (!isObject(data) || !isObject(data['reward'])) throw new Error('The payload of a reward holds no reward.')
  return { ...message, payload: { ...message.payload, data: { ...data, reward: { ...data['reward'], code } } } }
}

/** Uses the time of the event, so that the payload does not depend on the time of the attempt. */
function payloadOf(row: FoundReward, intent: Intent, code: string | null): JsonObject {
  return {
    type: eventType,
    timestamp: (intent.eventAt ?? intent.createdAt).toISOString(),
    data: {
      user_reward_id: row.user_reward_id,
      user_id: row.user_id,
      campaign_id: row.campaign_id,
      reward_id: row.reward_id,
      reward: { name: row.reward_name, type: row.reward_type, code, value: row.value, instructions: row.instructions },
    },
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
