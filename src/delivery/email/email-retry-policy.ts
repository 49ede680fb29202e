import type { RetryPolicy } from '../../model/retry-policy.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** Mails that the relay or the recipient's server refused for now: a little over a day, as long as most outages last. */
export const emailRetryPolicy: RetryPolicy = {
  delays: () => [30 * second, 2 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour, 12 * hour],
  jitter: 'equal',
  // SMTP has no way to name a time.
  retryAfter: null,
}
