import type { PublishContext } from '../events/publish-context.ts'
import { createPublisher } from '../events/publisher.ts'
import type { Publisher } from '../events/publisher.ts'
import type { Tracer } from '../std/tracer.ts'
import { requireClientId, requireFunction, requireOptions, requireTopic, requireTracer } from './option-checks.ts'

export interface OutboxPublisherOptions {
  /** The name of this application, in the header `producer`: 1 to 200 printable ASCII characters without @. */
  readonly clientId: string
  /** Of events that name no topic. Default: `domain-events`. */
  readonly topic?: string
  /** Called by every publish, in the caller's asynchronous context, for what the event does not say itself. */
  readonly context?: () => PublishContext | undefined
  /** A tracer of OpenTelemetry, as `connectPublisher` takes it. */
  readonly tracer?: Tracer | undefined
}

/**
 * Publishes in transactions alone, without a connection to Kafka: the relay of the worker sends what is committed.
 *
 * @throws {TypeError} an option is missing or wrong
 */
export function createOutboxPublisher(options: OutboxPublisherOptions): Pick<Publisher, 'inTransaction'> {
  requireOptions(options, 'createOutboxPublisher', '`clientId`')
  const { clientId, topic = 'domain-events', context, tracer } = options
  requireClientId(clientId)
  requireTopic(topic)
  requireFunction('context', context)
  requireTracer(tracer)
  const transport = { send: () => Promise.reject(new Error('this publisher has no connection to Kafka')) }
  const publisher = createPublisher({ transport, topic, producer: clientId, tracer, ...(context === undefined ? {} : { context }) })
  return { inTransaction: (client, how) => publisher.inTransaction(client, how) }
}
