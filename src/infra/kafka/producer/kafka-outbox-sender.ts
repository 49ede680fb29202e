import { LogAccessRefused } from '../../../ingest/log-admin.ts'
import type { OutboxSender, Refusal } from '../../../outbox/outbox-sender.ts'
import { accessRefused } from '../client/broker-refusal.ts'
import { isBrokerError } from '../client/client-error.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { createLogProducer, TopicMissing, type LogProducer } from './kafka-producer.ts'

/**
 * The relay's way to Kafka: acknowledged by all in-sync replicas, partitioned by key as Kafka's own clients do. Each topic has a client of its own,
 * connected at its first event: kafkajs refreshes all topics that a client has sent to at once, and one that is deleted or forbidden would fail
 * every other. A topic that does not exist is waited for during some seconds the first time, since it may just have been created, and hardly at
 * all while it is still missing: thousands of its events must not hold up those of other topics.
 */
export function createOutboxSender(settings: KafkaSettings): OutboxSender {
  const connections = new Map<string, Connection>()
  const missing = new Set<string>()

  function connectionTo(topic: string): Connection {
    const known = connections.get(topic)
    if (known !== undefined) return known
    const producer = createLogProducer(settings, missing.delete(topic) ? { retries: 1 } : {})
    const opened: Connection = { ready: connected(producer), producer, sends: 0 }
    connections.set(topic, opened)
    return opened
  }

  /** The next send begins with what the brokers say then; sends of other shards over this connection come to their own end. */
  function drop(topic: string, connection: Connection): void {
    if (connections.get(topic) === connection) connections.delete(topic)
  }

  /** What {@link drop} has taken out of use is closed by its last send. */
  function release(topic: string, connection: Connection): void {
    connection.sends -= 1
    if (connection.sends === 0 && connections.get(topic) !== connection) void connection.producer.disconnect().catch(noop)
  }

  return {
    async send(topic, records) {
      const connection = connectionTo(topic)
      const messages = records.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } }))
      connection.sends += 1
      try {
        await connection.ready
      } catch (trouble) {
        drop(topic, connection)
        return { acknowledged: [], unknown: [], trouble }
      }
      try {
        await connection.producer.send(topic, messages)
        return { acknowledged: records, unknown: [] }
      } catch (error) {
        const by = Map.groupBy(records, (_, index) => outcomeIn(connection.producer, messages[index]))
        const outcomes = { acknowledged: by.get('acknowledged') ?? [], unknown: by.get('unknown') ?? [] }
        const refusal = refusalOf(error, topic)
        if (refusal === null || refusal.of === 'topic') drop(topic, connection)
        // A topic that has just taken events exists: one of its brokers does not know it yet, or any more.
        if (error instanceof TopicMissing && outcomes.acknowledged.length > 0) return { ...outcomes, trouble: error }
        // A refused login concerns every topic: it is waited for.
        if (refusal === null) return { ...outcomes, trouble: accessRefused(error, settings) ?? error }
        if (error instanceof TopicMissing && missing.size < MOST_MISSING) missing.add(topic)
        return { ...outcomes, refusal }
      } finally {
        release(topic, connection)
      }
    },
    disconnect: async () => {
      await Promise.allSettled([...connections.values()].map(({ producer }) => producer.disconnect()))
      connections.clear()
    },
  }
}

interface Connection {
  readonly producer: LogProducer
  readonly ready: Promise<void>
  /** In flight. */
  sends: number
}

const noop = () => undefined

function outcomeIn(producer: LogProducer, message: Parameters<LogProducer['outcomeOf']>[0] | undefined) {
  return message === undefined ? undefined : producer.outcomeOf(message)
}

async function connected(producer: LogProducer): Promise<void> {
  try {
    await producer.connect()
  } catch (error) {
    await producer.disconnect()
    throw error
  }
}

/** Names of topics that are remembered. */
const MOST_MISSING = 1_000

/** Null: it may pass by itself. Names of the errors: https://kafka.apache.org/protocol#protocol_error_codes */
function refusalOf(error: unknown, topic: string): Refusal | null {
  const then = `then run workerctl outbox requeue --topic ${topic}`
  if (error instanceof TopicMissing)
    return {
      of: 'topic',
      reason: 'unknown-topic',
      sentence: `${error.message}; if the publisher means another topic, correct its \`topic\`, publish again and delete these rows. Otherwise ${then}`,
    }
  if (isBrokerError(error, 'INVALID_TOPIC_EXCEPTION'))
    return {
      of: 'topic',
      reason: 'unknown-topic',
      sentence: `"${topic}" is no name of a topic: correct the publisher, and delete these rows`,
    }
  if (error instanceof LogAccessRefused) return { of: 'topic', reason: 'topic-refused', sentence: `${error.message}, ${then}` }
  if (isBrokerError(error, 'MESSAGE_TOO_LARGE') || isBrokerError(error, 'RECORD_LIST_TOO_LARGE'))
    return {
      of: 'records',
      reason: 'too-large',
      sentence: `the event is larger than topic "${topic}" takes: raise its max.message.bytes, ${then}`,
    }
  const type = RECORD_ERRORS.find((name) => isBrokerError(error, name))
  if (type === undefined) return null
  return {
    of: 'records',
    reason: 'record-refused',
    sentence: `Kafka refuses the record for topic "${topic}" (${type}): correct its cause, ${then}`,
  }
}

const RECORD_ERRORS = ['INVALID_RECORD', 'INVALID_TIMESTAMP', 'CORRUPT_MESSAGE', 'POLICY_VIOLATION', 'UNSUPPORTED_FOR_MESSAGE_FORMAT']
