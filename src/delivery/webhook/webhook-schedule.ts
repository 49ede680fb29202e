import type { WebhookMessage } from './webhook-message.ts'

const seconds = (count: number): number => count * 1_000
const minutes = (count: number): number => count * 60_000
const hours = (count: number): number => count * 3_600_000

/** Delays between attempts in milliseconds, the first attempt being immediate: the schedule that Standard Webhooks 1.0.0 recommends. */
export const webhookSchedule: readonly number[] = [
  seconds(5),
  minutes(5),
  minutes(30),
  hours(2),
  hours(5),
  hours(10),
  hours(14),
  hours(20),
  hours(24),
]

/** The schedule as far as the endpoint's owner wants retries. */
export function scheduleOf(message: Pick<WebhookMessage, 'retryEnabled' | 'maxRetries'>): readonly number[] {
  return message.retryEnabled ? webhookSchedule.slice(0, Math.max(0, message.maxRetries)) : []
}
