import { systemClock } from '../std/clock.ts'
import type { Clock } from '../std/clock.ts'
import type { Tracer } from '../std/tracer.ts'
import { brokenFields } from './broken-fields.ts'
import { catalogue, eventTypes, isEventType, rulesOfEnvelope, rulesOfWrittenData } from './catalogue/catalogue.ts'
import { events } from './catalogue/events.ts'
import type { EventData, EventType } from './event.ts'
import { correlationIdRule, isCorrelationId } from './correlation.ts'
import { sendByTopic, type EventTransport } from './event-transport.ts'
import { header } from './header.ts'
import { contentHashOf, eventIdOf } from './identity.ts'
import { InvalidEvent, type Fault } from './invalid-event.ts'
import { inContext, isTraceparent, type PublishContext } from './publish-context.ts'
import { inSpans } from './publish-spans.ts'
import { versionText } from './upcast.ts'
import { inputName, methodName, type MethodName } from './input-names.ts'
import { occurrenceFields, type EventInput, type TypedInput } from './publisher-input.ts'
import { outboxOf, type InTransactionOptions, type OutboxClient, type OutboxEvent } from './transactional-publisher.ts'

/**
 * Publishes domain events, each type by a method of its own: `publishUserSignedUp` for `user.signed_up`. Every promise resolves when all
 * replicas have acknowledged; an {@link InvalidEvent} rejects it before anything is sent.
 */
export type Publisher = PublishOne &
  PublishMany & {
    /**
     * Publishes in the transaction that the caller has begun on `client`: the events are written to the table `worker.outbox`, and the relay
     * of the worker sends them to Kafka after the commit, at least once under one id, and not at all after a rollback. Its promises resolve
     * when the rows are written.
     *
     * @throws {TypeError} for a pool of connections, for what is no client, and for options that it does not have
     */
    inTransaction(client: OutboxClient, options?: InTransactionOptions): PublishOne & PublishMany
  }

type PublishOne = { readonly [Type in EventType as MethodName<Type>]: (event: EventInput[Type]) => Promise<Published> }

interface PublishMany {
  /**
   * Publishes many events, each topic by itself and all at the same time; the events of a campaign keep their order within a topic. All are
   * validated before the first is sent. When it rejects with anything but {@link InvalidEvent}, some may have been appended, or still be:
   * publish the same list again, consumers deduplicate by event id.
   */
  publishMany(events: readonly TypedInput[]): Promise<readonly Published[]>
}

export interface Published {
  /** The id by which consumers deduplicate; publishing the same fact again yields the same id. */
  readonly eventId: string
}

export interface PublisherOptions {
  readonly transport: EventTransport
  /** Of events that name no topic: `domain-events`, unless the worker is configured otherwise (`KAFKA_TOPIC`). */
  readonly topic: string
  /** Names the publishing program to those who look for it: 1 to 200 printable ASCII characters without @. */
  readonly producer?: string
  readonly clock?: Pick<Clock, 'now'>
  /** Called by every publish, before it returns, for what the event does not say itself. */
  readonly context?: () => PublishContext | undefined
  /** Traces what is published: the events carry the `traceparent` of its spans, and not that of `context`. */
  readonly tracer?: Tracer | undefined
}

/**
 * The publisher for applications. It sets ids, headers, version and key, so that callers pass the facts only. The record key is the campaign id,
 * so the events of a campaign keep their order. Publish after the change is committed, or just before: consumers wait for missing rows.
 */
export function createPublisher({ transport, topic, producer, clock = systemClock, context, tracer }: PublisherOptions): Publisher {
  if (producer !== undefined && !isCorrelationId(producer)) throw new Error(`producer must be ${correlationIdRule}`)
  const headers: Record<string, string> = producer === undefined ? {} : { [header.producer]: producer }
  const around = tracer === undefined ? context : () => ({ ...context?.(), traceparent: undefined })
  const toMessage = (event: TypedInput, index?: number): EncodedMessage =>
    encode(inContext(event, around), { now: clock.now(), topic, headers, index })
  const publishing = (operation: 'send' | 'create', write: Write) =>
    publishTo(toMessage, tracer === undefined ? write : (messages) => inSpans(tracer, operation, messages, write))
  return {
    ...publishing('send', (messages) => sendByTopic(transport, messages)),
    inTransaction: (client, options) => publishing('create', outboxOf(client, options)),
  }
}

function publishTo(toMessage: (event: TypedInput, index?: number) => EncodedMessage, send: Write): PublishOne & PublishMany {
  async function publishMany(events: readonly TypedInput[]): Promise<readonly Published[]> {
    if (!Array.isArray(events)) throw new TypeError('publishMany needs a list of events, each an object with its `type`')
    const wrong = events.findIndex((event) => !isObject(event))
    if (wrong !== -1) throw new TypeError(`event ${wrong} of the list must be an object with its \`type\` and its fields`)
    const messages = events.map((event, index) => toMessage(event, index))
    if (messages.length > 0) await send(messages)
    return messages.map(({ eventId }) => ({ eventId }))
  }

  async function publish(event: Omit<TypedInput, 'type'>, type: EventType): Promise<Published> {
    if (!isObject(event)) {
      const own = [...(inputFields.get(type) ?? [])].filter((name) => name !== 'type')
      throw new TypeError(`${methodName(type)} needs an event: an object with fields of ${own.join(', ')}`)
    }
    const message = toMessage(typed(event, type))
    await send([message])
    return { eventId: message.eventId }
  }

  const methods = eventTypes.map((type) => [methodName(type), (event: Omit<TypedInput, 'type'>) => publish(event, type)])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one method for each type, by the name of its type
  return { ...(Object.fromEntries(methods) as PublishOne), publishMany }
}

/** For callers without types. */
function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The default event id of an input. */
export function eventIdOfInput(input: TypedInput): string {
  return eventIdOf(input.type, dataOf(input))
}

/** SHA-256 over what happened, as groups keep it beside the id: the same for the same fact, whatever the id of its event. */
export function contentHashOfInput(input: TypedInput): Uint8Array {
  return contentHashOf(input.type, dataOf(input))
}

type EncodedMessage = OutboxEvent

type Write = (messages: readonly EncodedMessage[]) => Promise<void>

/**
 * @param by.topic of events that name none
 * @param by.headers besides those of the event
 * @param by.index of the event in a list
 */
function encode(
  input: TypedInput,
  by: {
    readonly now: number
    readonly topic: string
    readonly headers: Readonly<Record<string, string>>
    readonly index: number | undefined
  },
): EncodedMessage {
  const { type } = input
  // For callers without types: a misspelt type would have no consumer and go unnoticed.
  if (!isEventType(type))
    throw new InvalidEvent(String(type), [{ path: 'type', rule: `must be one of ${eventTypes.join(', ')}` }], by.index)
  const data = dataOf(input)
  const at = input.timestamp ?? new Date(by.now)
  const timestamp = isDate(at) ? at.toISOString() : null
  const eventId = lowerCase(input.eventId) ?? eventIdOf(type, data)
  const envelope = { id: eventId, type, account_id: lowerCase(input.accountId), campaign_id: data.campaign_id, data }
  const faults = [
    ...foreignFields(type, input),
    ...brokenFields(rulesOfWrittenData(type, withoutGaps(data))),
    ...brokenFields(rulesOfEnvelope(withoutGaps({ ...envelope, timestamp: timestamp ?? ANY_TIME }))).map(nameOfId),
    ...(timestamp === null ? [{ path: 'timestamp', rule: 'must be a valid Date' }] : []),
    ...tracingFaults(input),
  ]
  if (timestamp === null || faults.length > 0) throw new InvalidEvent(type, faults, by.index)
  return {
    topic: catalogue[type].topic ?? by.topic,
    type,
    key: data.campaign_id,
    value: Buffer.from(JSON.stringify({ ...envelope, timestamp })),
    headers: {
      [header.type]: type,
      [header.version]: versionText(catalogue[type]),
      [header.id]: eventId,
      [header.contentType]: 'application/json',
      [header.timestamp]: timestamp,
      ...tracing(input),
      ...by.headers,
    },
    eventId,
  }
}

function typed(event: Omit<TypedInput, 'type'>, type: EventType): TypedInput {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the method of a type takes what its type has
  return { ...event, type } as TypedInput
}

/** The fields of `data` of each type, by their names on the wire and in the input. */
const fields = Object.fromEntries(
  events.map(({ type, data }) => [
    type,
    Object.entries<object>(data.properties).map(([name, schema]) => ({
      name,
      inputName: inputName(name),
      isId: 'format' in schema && schema.format === 'uuid',
    })),
  ]),
)

const inputFields = new Map<EventType, ReadonlySet<string>>(
  eventTypes.map((type) => [type, new Set<string>([...occurrenceFields, ...(fields[type] ?? []).map((field) => field.inputName)])]),
)

/** A misspelt field that may be missing would be left out of the event, and nobody would notice. */
function foreignFields(type: EventType, input: TypedInput): readonly Fault[] {
  const known = inputFields.get(type)
  if (known === undefined) return []
  return Object.entries(input)
    .filter(([name, value]) => value !== undefined && !known.has(name))
    .map(([path]) => ({ path, rule: `is not a field of this event, which has ${[...known].join(', ')}` }))
}

/** Names as on the wire. Ids in lower case: event ids and keys are derived from their text, and two spellings would be two events. */
function dataOf(input: TypedInput): EventData[EventType] {
  const given: Readonly<Record<string, unknown>> = { ...input }
  const data = (fields[input.type] ?? []).map(({ name, inputName, isId }) => {
    const value = given[inputName]
    return [name, isId && typeof value === 'string' ? value.toLowerCase() : value]
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked against the schema before it is sent
  return Object.fromEntries(data) as EventData[EventType]
}

/** For the check of an envelope whose own time is known to be wrong. */
const ANY_TIME = new Date(0).toISOString()

function isDate(value: unknown): value is Date {
  return value instanceof Date && !Number.isNaN(value.getTime())
}

/** The envelope calls `id` what the input calls `eventId`. */
function nameOfId({ path, rule }: Fault): Fault {
  return { path: path === 'id' ? 'eventId' : path, rule }
}

function tracingFaults({ correlationId, causationId, traceparent }: TypedInput): readonly Fault[] {
  const ids = Object.entries({ correlationId, causationId }).filter(([, id]) => id !== undefined && !isCorrelationId(id))
  return [
    ...ids.map(([path]) => ({ path, rule: `must be ${correlationIdRule}` })),
    ...(traceparent === undefined || isTraceparent(traceparent)
      ? []
      : [{ path: 'traceparent', rule: 'must be a W3C traceparent of version 00' }]),
  ]
}

function tracing({ correlationId, causationId, traceparent }: TypedInput): Record<string, string> {
  return {
    ...(correlationId === undefined ? {} : { [header.correlationId]: correlationId }),
    ...(causationId === undefined ? {} : { [header.causationId]: causationId }),
    ...(traceparent === undefined ? {} : { [header.traceparent]: traceparent }),
  }
}

/** Anything but a string is passed through: the catalogue then rejects the field by name. */
function lowerCase(id: string): string
function lowerCase(id: string | undefined): string | undefined
function lowerCase(id: string | undefined): string | undefined {
  return typeof id === 'string' ? id.toLowerCase() : id
}

/** JSON has no undefined: such fields are missing. */
function withoutGaps(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
