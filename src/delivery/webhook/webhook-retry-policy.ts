import type { RetryPolicy } from '../../model/retry-policy.ts'
import type { WebhookMessage } from './webhook-message.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** As Standard Webhooks 1.0.0 recommends; the first attempt is immediate. Milliseconds. */
const webhookRetryDelays: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]

export const webhookRetryPolicy: RetryPolicy<WebhookMessage> = {
  delays: () => webhookRetryDelays,
  jitter: 'equal',
  // No header of others puts a delivery off for longer than the longest delay.
  retryAfter: { defaultMs: minute, maxMs: 24 * hour },
}

/** The retries that the endpoint's owner allows (`retry_enabled`, `max_retries`), whatever policy a kind names. */
export function retriesAllowed({ retryEnabled, maxRetries }: Pick<WebhookMessage, 'retryEnabled' | 'maxRetries'>): number {
  return retryEnabled ? Math.max(0, maxRetries) : 0
}
