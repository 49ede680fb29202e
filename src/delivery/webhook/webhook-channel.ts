import { hash } from 'node:crypto'
import type { Clock } from '../../std/clock.ts'
import { outerDeadline, type Slot } from '../channel.ts'
import type { Frozen, Intent } from '../../model/intent.ts'
import { judgeReply } from './judge-reply.ts'
import { signedHeaders } from './signature.ts'
import type { WebhookClient } from './webhook-client.ts'
import type { WebhookMessage } from './webhook-message.ts'
import { retriesAllowed, webhookRetryPolicy } from './webhook-retry-policy.ts'
import { defineChannel, type Sender } from '../define-channel.ts'

export interface WebhookChannelSettings {
  readonly client: WebhookClient
  /** Longest that one request may take, in milliseconds, reply included (`WEBHOOK_DEADLINE_MS`). */
  readonly deadlineMs: number
  readonly clock: Pick<Clock, 'now'>
}

/** The frozen part of a webhook besides its bytes, as stored in `worker.intents.envelope`. */
export interface WebhookEnvelope {
  /** Row of `webhooks`. */
  readonly endpointId: string
  /** The URL of the endpoint at the first start. */
  readonly url: string
  readonly eventType: string
  /** The `webhook-id` of every attempt. */
  readonly webhookId: string
}

/** Webhook, as the list of channels has it. */
export const webhookChannel = defineChannel({
  name: 'webhook',
  destinations: { atOnce: 2, failures: 3, sole: null, names: { destination: 'endpoint', deliveries: 'rewards' } },
  retry: webhookRetryPolicy,
  deliveryLog: 'webhook_deliveries',
  create: createWebhookChannel,
})

/**
 * Deliveries by HTTP, signed as Standard Webhooks 1.0.0 requires. A delivery may arrive twice (the process died before it
 * recorded the reply), with the same bytes and the same `webhook-id`, by which a receiver recognises the second one.
 */
export function createWebhookChannel(settings: WebhookChannelSettings): Sender<WebhookMessage> {
  const { client, deadlineMs, clock } = settings
  return {
    underway: 'claimed',
    deadlineMs: outerDeadline(deadlineMs),
    concurrency: Infinity,
    maxRetries: retriesAllowed,
    destinationOf: ({ endpointId }) => endpointId,
    acquire: async () => freeSlot,
    freeze: (batch) => Promise.allSettled(batch.map(async ({ intent, message }) => freeze(intent, message))),
    async perform(intent, frozen, message, _slot, signal, traceparent) {
      // Endpoint, id and bytes are frozen; URL and secret are read again, because the owner of the endpoint may have fixed them.
      const { endpointId, webhookId, body } = contentOf(frozen)
      if (message.endpointId !== endpointId) return { is: 'dead', reason: 'no-endpoint', reply: { error: otherEndpoint } }
      const signed = signedHeaders(webhookId, clock.now(), body, message.secret)
      if (signed === null) return { is: 'dead', reason: 'invalid-secret', reply: { error: invalidSecret } }
      const traced = traceparent === undefined ? {} : { traceparent }
      const headers = { 'content-type': 'application/json', 'user-agent': 'kafka-worker', ...causeHeaders(intent), ...traced, ...signed }
      const reply = await client.post({ url: message.url, headers, body, deadlineMs }, signal)
      return judgeReply(reply, clock.now())
    },
  }
}

/** The `webhook-id` of an effect, the same in every process and after every restart. */
export function webhookIdOf(intentKey: string): string {
  return `msg_${hash('sha256', intentKey, 'hex').slice(0, 32)}`
}

/** Of these names there is no standard; they are the usual ones. An event without a correlation id begins a chain under its own id. */
function causeHeaders({ eventId, correlationId }: Intent): Record<string, string> {
  return eventId === null ? {} : { 'x-correlation-id': correlationId ?? eventId, 'x-causation-id': eventId }
}

/** Connections are pooled per origin inside the client, so that nothing has to be acquired before a start. */
const freeSlot: Slot = { release: () => {} }

const otherEndpoint = 'The endpoint that the delivery began with is gone.'
const invalidSecret = 'The secret of the endpoint is empty, or begins with whsec_ and is not base64 behind that.'

function freeze(intent: Intent, message: WebhookMessage): Frozen {
  const { endpointId, url, eventType } = message
  const envelope = { endpointId, url, eventType, webhookId: webhookIdOf(intent.key) } satisfies WebhookEnvelope
  return { envelope, body: Buffer.from(JSON.stringify(message.payload), 'utf8') }
}

/** @throws {Error} the row was not written by any version of this channel. */
function contentOf({ envelope, body }: Frozen): Pick<WebhookEnvelope, 'endpointId' | 'webhookId'> & { readonly body: Uint8Array } {
  const { endpointId, webhookId } = envelope
  if (typeof endpointId !== 'string' || typeof webhookId !== 'string' || body === null)
    throw new Error('The frozen delivery names no endpoint and webhook id, or has no body.')
  return { endpointId, webhookId, body }
}
