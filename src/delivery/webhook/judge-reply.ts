import type { Performed } from '../channel.ts'
import type { OutcomeSignal } from '../outcome-signal.ts'
import { retryAfterMs } from './retry-after.ts'
import type { WebhookFailure, WebhookReply } from './webhook-client.ts'

/** The outcome of an attempt by the rules of Standard Webhooks 1.0.0, in our own words: the text of the reply is never kept. */
export function judgeReply(reply: WebhookReply, nowMs: number): Performed {
  return reply.is === 'failed' ? judgeFailure(reply.failure, reply.durationMs) : judgeStatus(reply, nowMs)
}

type StatusReply = Extract<WebhookReply, { is: 'reply' }>

function judgeStatus({ status, retryAfter, durationMs }: StatusReply, nowMs: number): Performed {
  if (status >= 200 && status < 300) return { is: 'done', state: 'delivered', reply: { status, durationMs } }
  const reply = { status, durationMs, error: `The endpoint answered ${status}.` }
  const pauseMs = retryAfterMs(retryAfter, nowMs)
  const outcomeSignal = signalOf(status, pauseMs)
  // The delivery log marks the endpoint failed by this status: its owner wants no more deliveries.
  if (status === 410) return { is: 'dead', reason: 'gone', reply, outcomeSignal }
  if (!slowingDown.has(status)) return { is: 'retry', reason: reasonOf(status), countsAsAttempt: true, reply, outcomeSignal }
  const reason = status === 429 ? 'too-many-requests' : 'unavailable'
  return { is: 'retry', reason, slowDown: { forMs: pauseMs }, countsAsAttempt: true, reply, outcomeSignal }
}

/** An endpoint that refuses this delivery works. One that requests a pause gets no delivery until it is over. */
function signalOf(status: number, pauseMs: number | null): OutcomeSignal {
  if (status < 500 && status !== 429) return { is: 'ok' }
  const reason = status === 429 ? 'too-many-requests' : slowingDown.has(status) ? 'unavailable' : 'server-error'
  if (slowingDown.has(status) && (pauseMs !== null || status === 429)) return { is: 'throttled', reason, forMs: pauseMs }
  return { is: 'failure', reason }
}

const slowingDown: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Few, because a reason is also a metric label and the status belongs to others. */
function reasonOf(status: number): string {
  if (status < 400) return 'redirected'
  return status < 500 ? 'client-error' : 'server-error'
}

function judgeFailure(failure: WebhookFailure, durationMs: number): Performed {
  const reply = { durationMs, error: words[failure] }
  if (failure === 'url-refused' || failure === 'address-refused') return { is: 'dead', reason: failure, reply }
  if (failure === 'stopped') return { is: 'retry', reason: failure, afterMs: 1_000, countsAsAttempt: false, reply }
  return { is: 'retry', reason: failure, countsAsAttempt: true, reply, outcomeSignal: { is: 'failure', reason: failure } }
}

const words: Readonly<Record<WebhookFailure, string>> = {
  'url-refused': 'The URL is no http or https address without user, password or unusual port.',
  'address-refused': 'The host has an address that is not public; WEBHOOK_ALLOW_CIDR names the exceptions.',
  unresolved: 'The host has no address.',
  'connection-refused': 'The connection was refused.',
  'connection-lost': 'The connection was lost before an answer came.',
  'tls-failed': 'No trusted TLS connection could be made.',
  timeout: 'No answer came in time.',
  'unreadable-reply': 'The answer was no readable HTTP.',
  stopped: 'The worker was stopped before an answer came.',
}
