import type { PublishContext } from '../events/publish-context.ts'
import { createPublisher } from '../events/publisher.ts'
import type { Publisher } from '../events/publisher.ts'
import type { KafkaSasl, KafkaTls } from '../infra/kafka/client/access.ts'
import { notingFaults } from '../infra/kafka/client/noted-faults.ts'
import { brokerSockets } from '../infra/kafka/patches/broker-sockets.ts'
import { createRegistryClient, RegistryError, type RegistryAccess } from '../infra/registry/registry-client.ts'
import { createRawProducer } from '../infra/kafka/producer/kafka-producer.ts'
import type { EventTransport } from '../events/event-transport.ts'
import { systemClock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { Tracer } from '../std/tracer.ts'
import { inAvro } from './avro-transport.ts'
import { KafkaTransport, type DroppedEvent } from './kafka-transport.ts'
import { requireSasl, requireTls } from './login-checks.ts'
import {
  milliseconds,
  requireBrokers,
  requireClientId,
  requireFunction,
  requireOptions,
  requireSchemaRegistry,
  requireTopic,
  requireTracer,
  wholeNumber,
} from './option-checks.ts'
import { PublisherError } from './publisher-error.ts'
import { refusalOf } from './refusal.ts'

// This file is the entry of the package `kafka-worker/publisher`, which exports the following; see cmd/package.
export { causedBy } from '../events/correlation.ts'
export { InvalidEvent } from '../events/invalid-event.ts'
export { createOutboxPublisher, type OutboxPublisherOptions } from './outbox-publisher.ts'
export { PublisherError } from './publisher-error.ts'
export type { PublishContext } from '../events/publish-context.ts'
export type { Published, Publisher } from '../events/publisher.ts'
export type { EventInput, TypedInput } from '../events/publisher-input.ts'
export type { InTransactionOptions, OutboxClient } from '../events/transactional-publisher.ts'
export type { KafkaSasl, KafkaTls } from '../infra/kafka/client/access.ts'
export type { DroppedEvent } from './kafka-transport.ts'
export type { Tracer } from '../std/tracer.ts'

export interface ConnectOptions {
  /** `host:port` of one broker or more. */
  readonly brokers: readonly string[]
  /** The name by which the brokers know this application. */
  readonly clientId: string
  /** Default: `domain-events`. */
  readonly topic?: string
  /** Absent: plaintext. `{}` trusts the public authorities. */
  readonly tls?: KafkaTls | undefined
  /** Absent: no login, except by `tls.cert`. */
  readonly sasl?: KafkaSasl | undefined
  /**
   * Both as they are now, for each connection and login: for certificates and secrets that are replaced while this application runs. `tls` and
   * `sasl` stay in use while it throws.
   */
  readonly accessNow?: (() => { readonly tls?: KafkaTls | undefined; readonly sasl?: KafkaSasl | undefined }) | undefined
  /**
   * `guaranteed` (default): a promise resolves when all in-sync replicas have the event. `fire-and-forget`: it resolves as soon as the event
   * is valid and in memory, and events that cannot be published are dropped and counted.
   */
  readonly mode?: 'guaranteed' | 'fire-and-forget'
  /** How long a guaranteed call waits for Kafka, and a connect of either mode. Milliseconds up to 2,147,483,647; default: 30,000. */
  readonly timeoutMs?: number
  /** Called by every publish, in the caller's asynchronous context, for what the event does not say itself. */
  readonly context?: () => PublishContext | undefined
  /**
   * A tracer of OpenTelemetry, `trace.getTracer('my-service')`: every publish becomes a span below the active one, and its events carry the
   * `traceparent` of that span. Absent: events carry what `context` returns.
   */
  readonly tracer?: Tracer | undefined
  /** Of a fire-and-forget publisher: how many events may wait for Kafka; further ones are dropped. Default: 10,000. */
  readonly maxBufferedEvents?: number
  /** The same in bytes, for all topics together. Default: 16 MiB. */
  readonly maxBufferedBytes?: number
  /** Of a fire-and-forget publisher: called for every event that is not published. */
  readonly onDrop?: (event: DroppedEvent) => void
  /**
   * Publishes in Avro, by the schemas that this registry has under the names of the events, for which the connect looks once. `url` holds user
   * and password where it wants a login, and `ca` is PEM. Absent: JSON. Events of `inTransaction` are JSON in any case.
   */
  readonly schemaRegistry?: { readonly url: string; readonly ca?: string } | undefined
  /** How long `close` waits for events that are not acknowledged yet. Milliseconds up to 2,147,483,647; default: 10,000. */
  readonly closeTimeoutMs?: number
}

export type ConnectedPublisher = Publisher & {
  /** Events of a fire-and-forget publisher that were not published. */
  readonly dropped: number
  /**
   * Publishes what is left, for `closeTimeoutMs` at most, and closes the connections, which a broker that hangs delays by up to 5 s.
   * Guaranteed calls that are left then reject with a {@link PublisherError}; fire-and-forget events are dropped. Never rejects.
   */
  close(): Promise<void>
}

/**
 * Connects to Kafka. Publishing rejects with an {@link InvalidEvent} before anything is sent, and in guaranteed mode with a
 * {@link PublisherError} when Kafka does not acknowledge within `timeoutMs`. The events of a topic are sent in the order of the calls, one
 * request at a time, and stay in it when a request is repeated.
 *
 * @throws {PublisherError} no broker answers within `timeoutMs`, the brokers refuse the login, or the registry does not answer, or lacks a schema
 * @throws {TypeError} an option is missing, wrong or out of range
 */
export async function connectPublisher(options: ConnectOptions): Promise<ConnectedPublisher> {
  requireOptions(options, 'connectPublisher', '`brokers` and `clientId`')
  const {
    brokers,
    clientId,
    topic = 'domain-events',
    tls,
    sasl,
    accessNow,
    mode = 'guaranteed',
    context,
    onDrop,
    schemaRegistry,
    tracer,
  } = options
  requireBrokers(brokers)
  requireClientId(clientId)
  requireTopic(topic)
  requireTls(tls)
  requireSasl(sasl)
  for (const [name, value] of Object.entries({ accessNow, context, onDrop })) requireFunction(name, value)
  if (mode !== 'guaranteed' && mode !== 'fire-and-forget') throw new TypeError("`mode` must be 'guaranteed' or 'fire-and-forget'")
  requireSchemaRegistry(schemaRegistry)
  requireTracer(tracer)
  const sockets = notingFaults(brokerSockets({ idleMs: 2 * REQUEST_MS }))
  const settings = {
    brokers,
    clientId,
    tls,
    sasl,
    accessNow,
    requestTimeoutMs: REQUEST_MS,
    socketFactory: sockets.open,
  }
  const transport = new KafkaTransport({
    brokers,
    mode,
    onDrop,
    clock: systemClock,
    timeoutMs: milliseconds('timeoutMs', options.timeoutMs, 30_000),
    closeTimeoutMs: milliseconds('closeTimeoutMs', options.closeTimeoutMs, 10_000),
    maxBufferedEvents: wholeNumber('maxBufferedEvents', options.maxBufferedEvents, 10_000),
    maxBufferedBytes: wholeNumber('maxBufferedBytes', options.maxBufferedBytes, 16 * 1_024 * 1_024),
    // One retry of the client's own, after which it has read where the partitions are led now.
    createAppender: () => createRawProducer(settings, { retries: 1, idempotent: true }),
    networkFault: () => sockets.lastFault(),
    refusalOf: (error, of) => refusalOf(error, { brokers, topic: of }),
  })
  const sender = schemaRegistry === undefined ? transport : await sendingAvro(transport, schemaRegistry)
  await transport.connect(topic)
  return {
    ...createPublisher({ transport: sender, topic, producer: clientId, tracer, ...(context === undefined ? {} : { context }) }),
    get dropped() {
      return transport.dropped
    },
    close: () => transport.close(),
  }
}

/** @throws {PublisherError} */
async function sendingAvro(transport: EventTransport, access: RegistryAccess): Promise<EventTransport> {
  const startedAt = systemClock.monotonic()
  try {
    const settings = { url: '`schemaRegistry.url`', ca: '`schemaRegistry.ca`' }
    return await inAvro(
      transport,
      createRegistryClient(() => access, { settings }),
    )
  } catch (error) {
    const isAway = error instanceof RegistryError && !error.isRefusal
    throw new PublisherError(isAway ? 'unavailable' : 'refused', messageOf(error), systemClock.monotonic() - startedAt)
  }
}

/** Of one request. A connection on which nothing is answered is replaced after twice as long. */
const REQUEST_MS = 10_000
