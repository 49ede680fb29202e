import type { PublishContext } from '../events/publish-context.ts'
import { createPublisher } from '../events/publisher.ts'
import type { Publisher } from '../events/publisher.ts'
import { requireClientId, requireFunction, requireOptions, requireTopic } from './option-checks.ts'

export interface OutboxPublisherOptions {
  /** The name of this application, in the header `producer`: 1 to 200 printable ASCII characters. */
  readonly clientId: string
  /** Of events that name no topic. Default: `domain-events`. */
  readonly topic?: string
  /** Called by every publish, in the caller's asynchronous context, for what the event does not say itself. */
  readonly context?: () => PublishContext | undefined
}

/**
 * Publishes in transactions alone, without a connection to Kafka: the relay of the worker sends what is committed.
 *
 * @throws {TypeError} an option is missing or wrong
 */
export function createOutboxPublisher(options: OutboxPublisherOptions): Pick<Publisher, 'inTransaction'> {
  requireOptions(options, 'createOutboxPublisher', '`clientId`')
  const { clientId, topic = 'domain-events', context } = options
  requireClientId(clientId)
  requireTopic(topic)
  requireFunction('context', context)
  const transport = { send: () => Promise.reject(new Error('this publisher has no connection to Kafka')) }
  const publisher = createPublisher({ transport, topic, producer: clientId, ...(context === undefined ? {} : { context }) })
  return { inTransaction: (client, how) => publisher.inTransaction(client, how) }
}
