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
  const producers = new Map<string, Promise<LogProducer>>()
  const missing = new Set<string>()

  function producerOf(topic: string): Promise<LogProducer> {
    const known = producers.get(topic)
    if (known !== undefined) return known
    const opened = connected(createLogProducer(settings, missing.delete(topic) ? { retries: 1 } : {}))
    producers.set(topic, opened)
    // The next send tries again.
    opened.catch(() => producers.delete(topic))
    return opened
  }

  /** The next send begins with what the brokers say then. */
  function drop(topic: string): void {
    const dropped = producers.get(topic)
    producers.delete(topic)
    void dropped?.then((producer) => producer.disconnect()).catch(() => undefined)
  }

  return {
    async send(topic, records) {
      const producer = await producerOf(topic)
      try {
        await producer.send(
          topic,
          records.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } })),
        )
        return null
      } catch (error) {
        const refusal = refusalOf(error, topic)
        if (refusal === null || refusal.of === 'topic') drop(topic)
        // A refused login concerns every topic: it is waited for.
        if (refusal === null) throw accessRefused(error, settings) ?? error
        if (error instanceof TopicMissing && missing.size < MOST_MISSING) missing.add(topic)
        return refusal
      }
    },
    disconnect: async () => {
      await Promise.allSettled([...producers.values()].map(async (producer) => (await producer).disconnect()))
      producers.clear()
    },
  }
}

async function connected(producer: LogProducer): Promise<LogProducer> {
  try {
    await producer.connect()
    return producer
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
  if (error instanceof TopicMissing) return { of: 'topic', reason: 'unknown-topic', sentence: `${error.message}, ${then}` }
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
