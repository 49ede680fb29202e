import kafkajs from 'kafkajs'
import type { ICustomPartitioner, Message, Producer } from 'kafkajs'
import { systemClock } from '../../../std/clock.ts'
import { OperatorError } from '../../../std/failure.ts'
import { noConnection, groupRefused } from '../client/broker-refusal.ts'
import { isBrokerError } from '../client/client-error.ts'
import { createKafkaClient } from '../client/kafka-client.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { withinDeadline } from '../../../std/within-deadline.ts'

/** Appends records to the log, acknowledged by all in-sync replicas. */
export interface LogProducer {
  /** @throws {OperatorError} no broker answers, or access is denied. */
  connect(): Promise<void>
  /** @throws {OperatorError} the topic does not exist; any other error of the broker. Some messages may have been appended nevertheless. */
  send(topic: string, messages: Message[]): Promise<void>
  disconnect(): Promise<void>
}

/**
 * acks=all, without the idempotent producer: kafkajs calls its own experimental, and #1005 reports lost sends. A retry may therefore duplicate
 * a record; our consumers deduplicate by event id.
 */
export function createLogProducer(settings: KafkaSettings): LogProducer {
  const { kafka, destroyConnections: cut } = createKafkaClient(settings, { retries: 5 })
  const places = new Places()
  const producer = kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    createPartitioner: () => places.kept(partitionOrKey()),
    metadataMaxAge: 60_000,
  })
  return {
    connect: async () => {
      try {
        await producer.connect()
      } catch (error) {
        throw noConnection(error, settings)
      }
    },
    send: async (topic, messages) => {
      try {
        for (let from = 0; from < messages.length; from += SEND_LIMIT)
          await sendAll(producer, places, topic, messages.slice(from, from + SEND_LIMIT))
      } catch (error) {
        const refused = groupRefused(error, settings, { topic, right: 'Write' })
        if (refused !== null) throw refused
        if (!isBrokerError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
        throw new OperatorError(
          `topic "${topic}" does not exist on ${settings.brokers.join(', ')}: create it with \`workerctl topics apply\``,
        )
      }
    },
    disconnect: async () => {
      await withinDeadline(DISCONNECT_GRACE_MS, producer.disconnect().catch(noop)) // what it could not end, the cut does
      cut()
    },
  }
}

/** kafkajs copies the messages of a partition once per message; short lists keep this cheap. */
const SEND_LIMIT = 500

const DISCONNECT_GRACE_MS = 5_000

const noop = () => undefined

/**
 * Sends again what nobody has acknowledged. kafkajs leaves out, without a word, what goes to a partition that its metadata does not know,
 * and, when it tries again, what goes to a broker that has answered before: of a partition that this broker has come to lead meanwhile
 * nothing is ever sent.
 */
async function sendAll(producer: Producer, places: Places, topic: string, messages: readonly Message[]): Promise<void> {
  // kafkajs would take `Date.now()`, which need not be the time of day (std/clock.ts).
  const timestamp = String(systemClock.now())
  // Copies: their places hold for this send alone.
  let left = messages.map((message) => ({ timestamp, ...message }))
  while (left.length > 0) {
    const acknowledged = await producer.send({ topic, messages: left, acks: -1 })
    const partitions = new Set(acknowledged.map(({ partition }) => partition))
    const missing = left.filter((message) => !partitions.has(places.of(message)))
    if (missing.length === left.length) throw new Error(`the broker acknowledged none of the records sent to "${topic}"`)
    left = missing
  }
}

/** Where each message goes, the same through all tries of kafkajs: an acknowledged partition then holds all that was meant for it. */
class Places {
  readonly #places = new WeakMap<Message, number>()

  kept(choose: ReturnType<ICustomPartitioner>): ReturnType<ICustomPartitioner> {
    return (among) => {
      const place = this.#places.get(among.message) ?? choose(among)
      this.#places.set(among.message, place)
      return place
    }
  }

  of(message: Message): number {
    return this.#places.get(message) ?? -1
  }
}

/** The message's own partition where the topic has it, else Kafka's usual choice by key. */
const partitionOrKey: ICustomPartitioner = () => {
  const byKey = kafkajs.Partitioners.DefaultPartitioner()
  return ({ topic, partitionMetadata, message }) => {
    const { partition, ...rest } = message
    if (partition !== undefined && partitionMetadata.some(({ partitionId }) => partitionId === partition)) return partition
    return byKey({ topic, partitionMetadata, message: rest })
  }
}
