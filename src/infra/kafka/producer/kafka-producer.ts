import kafkajs from 'kafkajs'
import type { ICustomPartitioner, Message, Producer } from 'kafkajs'
import { systemClock } from '../../../std/clock.ts'
import { OperatorError } from '../../../std/failure.ts'
import { noConnection, groupRefused } from '../client/broker-refusal.ts'
import { hasCause, isBrokerError } from '../client/client-error.ts'
import { createKafkaClient } from '../client/kafka-client.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { withinDeadline } from '../../../std/within-deadline.ts'
import {
  outcomeOf,
  patchProduceOutcomes,
  requestsEnded,
  Superseded,
  watchOutcome,
  type ProduceOutcome,
} from '../patches/produce-outcomes.ts'

patchProduceOutcomes()

/** What a send to a topic that does not exist is rejected with. */
export class TopicMissing extends OperatorError {}

/** Appends records to the log, acknowledged by all in-sync replicas. */
export interface LogProducer {
  /** @throws {OperatorError} no broker answers, or access is denied. */
  connect(): Promise<void>
  /**
   * Messages that were acknowledged before are left out: the same list may be sent again after a failure.
   *
   * @throws {OperatorError} the topic does not exist; any other error of the broker. No request is in flight any more, and
   *   {@link LogProducer.outcomeOf} says what became of each message
   */
  send(topic: string, messages: Message[]): Promise<void>
  /** What became of a message of {@link LogProducer.send}; undefined when it was never sent. */
  outcomeOf(message: Message): ProduceOutcome | undefined
  disconnect(): Promise<void>
}

/**
 * Uses acks=all without the idempotent producer, which kafkajs calls experimental and for which #1005 reports lost sends. A retry may
 * therefore duplicate a record; our consumers deduplicate by event id. `retries`: how often kafkajs retries before a send is rejected.
 */
export function createLogProducer(settings: KafkaSettings, { retries = 5 } = {}): LogProducer {
  const producer = createRawProducer(settings, { retries, idempotent: false })
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
        await producer.send(topic, messages)
      } catch (error) {
        const refused = groupRefused(error, settings, { topic, right: 'Write' })
        if (refused !== null) throw refused
        if (!isBrokerError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
        throw new TopicMissing(
          `topic "${topic}" does not exist on ${settings.brokers.join(', ')}: create it with \`workerctl topics apply\``,
        )
      }
    },
    outcomeOf: (message) => producer.outcomeOf(message),
    disconnect: () => producer.disconnect(),
  }
}

/**
 * A {@link LogProducer} whose errors are those of kafkajs.
 *
 * @param options.retries how often kafkajs itself retries, with exponential backoff from 300 ms, before it throws
 * @param options.idempotent the broker recognises a batch that is sent again. Only for callers that send one batch at a time, and that go on
 *   with another producer once they have given a batch up: kafkajs takes its sequence numbers back when a request fails, and the broker
 *   acknowledges the next batch of as many records as a duplicate of the one that it had appended after all, without appending it
 */
export function createRawProducer(settings: KafkaSettings, { retries, idempotent }: { retries: number; idempotent: boolean }): LogProducer {
  const { kafka, destroyConnections } = createKafkaClient(settings, { retries })
  const chosen = new ChosenPartitions()
  const copies = new WeakMap<Message, Message>()
  // A message that is sent again keeps its partition: with another, a sequence number of an idempotent producer would mean another record.
  const copyOf = (message: Message): Message => {
    // kafkajs would use `Date.now()`, which need not be the time of day (std/clock.ts).
    const copy = copies.get(message) ?? { timestamp: String(systemClock.now()), ...message }
    copies.set(message, copy)
    watchOutcome(copy)
    return copy
  }
  const producer = kafka.producer({
    idempotent,
    allowAutoTopicCreation: false,
    createPartitioner: () => chosen.once(partitionOrKey()),
    metadataMaxAge: 60_000,
  })
  return {
    connect: () => producer.connect(),
    send: async (topic, messages) => {
      for (let from = 0; from < messages.length; from += SEND_LIMIT)
        await sendAll(producer, topic, messages.slice(from, from + SEND_LIMIT).map(copyOf))
    },
    outcomeOf: (message) => {
      const copy = copies.get(message)
      return copy === undefined ? undefined : outcomeOf(copy)
    },
    disconnect: async () => {
      await withinDeadline(DISCONNECT_GRACE_MS, producer.disconnect().catch(noop)) // what it cannot close is destroyed
      destroyConnections()
    },
  }
}

/** kafkajs copies the messages of a partition once per message; short lists keep this cheap. */
const SEND_LIMIT = 500

const DISCONNECT_GRACE_MS = 5_000

const noop = () => undefined

/**
 * Sends until all messages are acknowledged. kafkajs silently leaves out messages for a partition that its metadata does not contain, and, in a
 * retry, messages for a broker that has already answered: if that broker has meanwhile become the leader of another partition, the messages
 * for that partition are never sent.
 */
async function sendAll(producer: Producer, topic: string, messages: readonly Message[]): Promise<void> {
  let left = messages.filter(isWanting)
  for (let round = 1; left.length > 0; round++) {
    const failure = await producer.send({ topic, messages: [...left], acks: -1 }).then(
      () => null,
      (error: unknown) => ({ error, isSuperseded: hasCause(error, ({ name }) => name === Superseded.name) }),
    )
    await requestsEnded(left)
    const missing = left.filter(isWanting)
    if (missing.length > 0 && failure !== null && !(failure.isSuperseded && round < MOST_ROUNDS)) throw failure.error
    if (missing.length === left.length && failure === null)
      throw new Error(`the broker acknowledged none of the records sent to "${topic}"`)
    left = missing
  }
}

/** Of one list, each after requests of the last have crossed. */
const MOST_ROUNDS = 5

const isWanting = (message: Message) => outcomeOf(message) !== 'acknowledged'

/** The partition of each message, which stays the same through all retries: the order within a key depends on it. */
class ChosenPartitions {
  readonly #partitions = new WeakMap<Message, number>()

  /** The choice of `choose`, made once per message; none for one that is acknowledged, which kafkajs then leaves out of its retries. */
  once(choose: ReturnType<ICustomPartitioner>): ReturnType<ICustomPartitioner> {
    return (among) => {
      if (outcomeOf(among.message) === 'acknowledged') return NO_PARTITION
      const partition = this.#partitions.get(among.message) ?? choose(among)
      this.#partitions.set(among.message, partition)
      return partition
    }
  }
}

const NO_PARTITION = -1

/** The message's own partition where the topic has it, otherwise Kafka's default choice by key. */
const partitionOrKey: ICustomPartitioner = () => {
  const byKey = kafkajs.Partitioners.DefaultPartitioner()
  return ({ topic, partitionMetadata, message }) => {
    const { partition, ...rest } = message
    if (partition !== undefined && partitionMetadata.some(({ partitionId }) => partitionId === partition)) return partition
    return byKey({ topic, partitionMetadata, message: rest })
  }
}
