import type { IHeaders, Message } from 'kafkajs'
import PQueue from 'p-queue'
import { deadLetterHeaders, deadLetterTopic } from '../../../ingest/dead-letter.ts'
import type { DeadLetter, DeadLetterSink } from '../../../ingest/dead-letter.ts'
import type { HeaderValue } from '../../../ingest/record-source.ts'
import { isBrokerError } from '../client/client-error.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { createLogProducer } from './kafka-producer.ts'
import type { LogProducer } from './kafka-producer.ts'

/**
 * Publishes dead letters to Kafka with the record's key, value and headers, followed by our own headers, on the same partition number where
 * the topic has it. A letter that our headers make too large for the broker, or whose record was too large to hold, is published without its
 * value and with `value-omitted: true`; if necessary also without its key and headers and with `headers-omitted: true`. The original stays in
 * the log. A failed `publish` may have published some letters: publish all of them again, since duplicates are harmless.
 *
 * Letters of more than a mebibyte in all are sent by one `publish` at a time: kafkajs copies what it sends several times, and all groups
 * meet the same large record at about the same time.
 */
export function createDeadLetterSink(settings: KafkaSettings): DeadLetterSink & { connect(): Promise<void>; disconnect(): Promise<void> } {
  const producer = createLogProducer(settings)
  const large = new PQueue({ concurrency: 1 })
  return {
    connect: () => producer.connect(),
    disconnect: () => producer.disconnect(),
    publish: async (letters) => {
      const byTopic = Map.groupBy(letters, ({ topic, group }) => deadLetterTopic(topic, group))
      for (const [topic, group] of byTopic) {
        if (sizeOf(group) <= LARGE_BYTES) await publishTo(producer, topic, group)
        else await large.add(() => publishTo(producer, topic, group))
      }
    },
  }
}

const LARGE_BYTES = 1_048_576

/** Of keys, values and headers, in bytes. */
function sizeOf(letters: readonly DeadLetter[]): number {
  let bytes = 0
  for (const { record } of letters) {
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
    for (const [name, value] of Object.entries(record.headers)) bytes += name.length + lengthOf(value)
  }
  return bytes
}

function lengthOf(value: HeaderValue | undefined): number {
  if (value === undefined) return 0
  return Buffer.isBuffer(value) ? value.length : value.reduce((sum, one) => sum + one.length, 0)
}

async function publishTo(producer: LogProducer, topic: string, letters: readonly DeadLetter[]): Promise<void> {
  if (await fits(() => producer.send(topic, letters.map(message)))) return
  for (const letter of letters) await publishAlone(producer, topic, letter)
}

/** The limit applies to everything sent to a partition in one request, so a letter may fit when it is sent alone. */
async function publishAlone(producer: LogProducer, topic: string, letter: DeadLetter): Promise<void> {
  if (await fits(() => producer.send(topic, [message(letter)]))) return
  if (await fits(() => producer.send(topic, [withoutValue(letter)]))) return
  await producer.send(topic, [withoutContent(letter)])
}

async function fits(send: () => Promise<void>): Promise<boolean> {
  try {
    await send()
    return true
  } catch (error) {
    if (isTooLarge(error)) return false
    throw error
  }
}

function isTooLarge(error: unknown): boolean {
  return isBrokerError(error, 'MESSAGE_TOO_LARGE') || isBrokerError(error, 'RECORD_LIST_TOO_LARGE')
}

function message(letter: DeadLetter): Message {
  const { key, value, omittedBytes } = letter.record
  if (omittedBytes !== undefined) return withoutValue(letter)
  return { key, value, partition: letter.partition, headers: sendableHeaders(letter) }
}

function withoutValue(letter: DeadLetter): Message {
  const { key } = letter.record
  return { key, partition: letter.partition, value: null, headers: { ...sendableHeaders(letter), 'value-omitted': 'true' } }
}

/** For a key and headers that exceed the limit by themselves. */
function withoutContent(letter: DeadLetter): Message {
  // Not by a spread: the fields of a fetched record are created when they are read.
  const { offset, timestamp } = letter.record
  const stub = withoutValue({ ...letter, record: { offset, timestamp, key: null, value: null, headers: {} } })
  return { ...stub, headers: { ...stub.headers, 'headers-omitted': 'true' } }
}

/** kafkajs fails on a header without a value. */
function sendableHeaders(letter: DeadLetter): IHeaders {
  // Not by assignment: a header may be named `__proto__`.
  return Object.fromEntries(
    Object.entries(deadLetterHeaders(letter)).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Buffer.isBuffer(value) ? value : [...value]]],
    ),
  )
}
