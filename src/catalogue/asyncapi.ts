import type { EventDefinition, Example } from '../events/catalogue/define-event.ts'
import { envelopeSchema } from '../events/catalogue/catalogue.ts'
import { header } from '../events/header.ts'
import { versionText } from '../events/upcast.ts'
import { createTypeFilter } from '../ingest/type-filter.ts'
import type { Consumer } from '../model/consumer.ts'
import { retentionMs } from './event-retention.ts'
import { DEFAULT_PARTITIONS, eventTopics, topicOf, topicSettings, type EventTopic } from './event-topics.ts'

/** What an AsyncAPI document is made of. */
export interface Described {
  /** Release of the catalogue. */
  readonly version: string
  readonly events: readonly EventDefinition[]
  readonly consumers: readonly Pick<Consumer, 'name' | 'topic' | 'types'>[]
  /** The topic of events and consumers that name none. */
  readonly defaultTopic: string
}

/** Of every topic in production; `KAFKA_TOPIC_REPLICAS` says it of an installation. */
const REPLICAS = 3

const kafka = <Fields extends object>(fields: Fields) => ({ kafka: { ...fields, bindingVersion: '0.5.0' } })

/**
 * The catalogue in the form that other tools read: AsyncAPI 3.0.0 with Kafka bindings. https://www.asyncapi.com/docs/reference/specification/v3.0.0,
 * https://github.com/asyncapi/bindings/tree/master/kafka
 */
export function asyncApiOf({ version, events, consumers, defaultTopic }: Described): object {
  const topics = eventTopics(events, defaultTopic)
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Events of the referral and waitlist platform',
      version,
      description: 'Written by `npm run catalogue -- write` from src/events/catalogue. Readers ignore fields that they do not know.',
    },
    defaultContentType: 'application/json',
    servers: {
      local: { host: 'localhost:9092', protocol: 'kafka', description: 'The broker of docker-compose.yml.' },
    },
    channels: Object.fromEntries(
      topics.map((topic) => {
        const own = events.filter((event) => topicOf(event, defaultTopic) === topic.name)
        return [topic.name, channelOf(topic, own)]
      }),
    ),
    operations: {
      ...Object.fromEntries(
        topics.map(({ name }) => [
          `publish-to-${name}`,
          { action: 'send', channel: ref('channels', name), summary: 'Applications publish here.' },
        ]),
      ),
      ...Object.fromEntries(
        consumers.map((consumer) => {
          const filter = createTypeFilter(
            consumer.types,
            events.map(({ type }) => type),
          )
          const topic = topicOf(consumer, defaultTopic)
          const own = events.filter((event) => topicOf(event, defaultTopic) === topic && filter.handles(event.type))
          return [consumer.name, operationOf(consumer.name, topic, own)]
        }),
      ),
    },
    components: {
      messages: Object.fromEntries(events.map((event) => [event.type, messageOf(event)])),
      schemas: Object.fromEntries(events.map((event) => [event.type, payloadOf(event)])),
    },
  }
}

function channelOf({ name, retention }: EventTopic, events: readonly EventDefinition[]): object {
  const settings = topicSettings(retentionMs[retention])
  return {
    address: name,
    messages: Object.fromEntries(events.map(({ type }) => [type, ref('components', 'messages', type)])),
    bindings: kafka({
      topic: name,
      partitions: DEFAULT_PARTITIONS,
      replicas: REPLICAS,
      topicConfiguration: {
        'cleanup.policy': settings['cleanup.policy'].split(','),
        'retention.ms': Number(settings['retention.ms']),
        'retention.bytes': Number(settings['retention.bytes']),
      },
    }),
  }
}

function operationOf(group: string, topic: string, events: readonly EventDefinition[]): object {
  return {
    action: 'receive',
    channel: ref('channels', topic),
    messages: events.map(({ type }) => ref('channels', topic, 'messages', type)),
    bindings: kafka({ groupId: { type: 'string', enum: [group] } }),
  }
}

function messageOf(event: EventDefinition): object {
  const { type, summary, owner, since, deprecated, retention, identity, personal, examples } = event
  return {
    name: type,
    title: type,
    summary,
    contentType: 'application/json',
    headers: {
      type: 'object',
      required: [header.type, header.version, header.id],
      properties: {
        [header.type]: { type: 'string', const: type },
        [header.version]: { type: 'string', const: versionText(event) },
        [header.id]: { type: 'string', format: 'uuid' },
        [header.contentType]: { type: 'string', const: 'application/json' },
        [header.timestamp]: { type: 'string', format: 'date-time' },
        [header.correlationId]: { type: 'string' },
        [header.causationId]: { type: 'string' },
        [header.traceparent]: { type: 'string' },
        [header.producer]: { type: 'string' },
      },
    },
    payload: ref('components', 'schemas', type),
    bindings: kafka({ key: { type: 'string', format: 'uuid', description: `The value of ${event.key}.` } }),
    examples: examples.map((example, index) => ({ name: `${type}-${index + 1}`, payload: envelopeOf(event, example) })),
    'x-owner': owner,
    'x-since': since,
    ...(deprecated === undefined ? {} : { 'x-deprecated': deprecated }),
    'x-retention': retention,
    'x-identity': identity,
    'x-personal': personal,
  }
}

/** The value of a record of this event. */
function payloadOf({ type, data }: EventDefinition): object {
  const { properties, ...rest } = envelopeSchema
  return { ...rest, properties: { ...properties, type: { type: 'string', const: type }, data } }
}

/** An example as it is on the wire. */
export function envelopeOf({ type }: Pick<EventDefinition, 'type'>, { id, accountId, timestamp, data }: Example): object {
  const campaign_id = 'campaign_id' in data ? data.campaign_id : undefined
  return { id, type, account_id: accountId, campaign_id, data, timestamp }
}

/** https://datatracker.ietf.org/doc/html/rfc6901: `~` and `/` in names are escaped; event types have neither. */
function ref(...path: readonly string[]): object {
  return { $ref: `#/${path.join('/')}` }
}
