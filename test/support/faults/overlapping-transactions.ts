import type { Message, Producer } from 'kafkajs'
import type { Random } from '../../../cmd/demo/random.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import type { Recorder } from './recorder.ts'

/** A broker aborts what is left open for longer; until then nobody reads past it. Milliseconds. */
export const TRANSACTION_TIMEOUT_MS = 5_000

export interface OverlappingTransactionsOptions {
  readonly brokers: readonly string[]
  readonly recorder: Recorder
  readonly random: Random
  /** Which part of the sends goes through transactions; the rest is sent as it is. */
  readonly share: number
  readonly plain: EventTransport
}

export interface OverlappingTransactions extends EventTransport, AsyncDisposable {
  /** Sends whose records were committed among aborted ones. */
  readonly sends: number
}

/**
 * A transport that commits some of its sends in a transaction that overlaps with two others on the same partitions. Those hold the same
 * events under ids of their own and are aborted, in any order before and after the commit: a consumer that accepts one sends a mail too
 * many.
 */
export function createOverlappingTransactions({
  brokers,
  recorder,
  random,
  share,
  plain,
}: OverlappingTransactionsOptions): OverlappingTransactions {
  const { kafka, destroyConnections: cut } = createKafkaClient({ brokers, clientId: 'transactions' }, { retries: 2 })
  let producers: readonly Producer[] | undefined
  let sends = 0

  async function connected(): Promise<readonly Producer[]> {
    if (producers !== undefined) return producers
    const made = ['committing', 'aborting-1', 'aborting-2'].map((name) =>
      kafka.producer({
        transactionalId: `chaos-${name}`,
        idempotent: true,
        maxInFlightRequests: 1,
        transactionTimeout: TRANSACTION_TIMEOUT_MS,
        allowAutoTopicCreation: false,
      }),
    )
    await Promise.all(made.map((producer) => producer.connect()))
    return (producers = made)
  }

  /** The next ones begin with the same transactional ids, which aborts what these left open. */
  async function forget(): Promise<void> {
    const old = producers ?? []
    producers = undefined
    await Promise.allSettled(old.map((producer) => producer.disconnect()))
  }

  async function overlap(topic: string, messages: readonly Message[]): Promise<void> {
    const transactions = await Promise.all((await connected()).map((producer) => producer.transaction()))
    const [committing, ...aborting] = transactions
    if (committing === undefined) throw new Error('There are three producers.')
    const half = Math.ceil(messages.length / 2)
    const parts = [messages.slice(0, half), messages.slice(half)]
    // Which of them begins first is left to chance; the events keep their order.
    for (const transaction of shuffled([...transactions, ...transactions])) {
      const some = transaction === committing ? (parts.shift() ?? []) : ghosts(messages)
      if (some.length > 0) await transaction.send({ topic, messages: [...some], acks: -1 })
    }
    const ends = [() => committing.commit(), ...aborting.map((transaction) => () => transaction.abort())]
    for (const end of shuffled(ends)) await end()
    sends += 1
  }

  function shuffled<Element>(list: readonly Element[]): Element[] {
    return list
      .map((element) => [random.next(), element] as const)
      .sort(([one], [other]) => one - other)
      .map(([, element]) => element)
  }

  /** The same events under ids of their own, which are recorded before they are sent; records without an id are left out. */
  function ghosts(messages: readonly Message[]): Message[] {
    return messages.flatMap((message) => {
      const text = String(message.value)
      if (!eventIdField.test(text)) return []
      const eventId = random.uuid()
      recorder.record({ is: 'aborted', at: Date.now(), eventId })
      return [{ ...message, value: text.replace(eventIdField, `"id":"${eventId}"`), headers: { ...message.headers, 'event-id': eventId } }]
    })
  }

  return {
    get sends() {
      return sends
    },
    async send(topic, messages) {
      if (messages.length === 0 || random.next() >= share) return plain.send(topic, messages)
      try {
        await overlap(topic, messages)
      } catch (error) {
        await forget()
        throw error
      }
    },
    async [Symbol.asyncDispose]() {
      await forget()
      cut()
    },
  }
}

/** Where the publisher writes the id. */
const eventIdField = /"id":"[0-9a-f-]{36}"/
