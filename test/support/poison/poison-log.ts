import kafkajs from 'kafkajs'
import type { Message } from 'kafkajs'
import { createPublisher } from '../../../src/events/publisher.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import '../../../src/infra/kafka/patches/for-readers.ts'
import { unpacked } from '../unpacked.ts'
import { eventually } from '../eventually.ts'
import { freshGroupName } from '../fresh.ts'
import { recordOfRow, type PoisonRecord } from './poison-record.ts'
import { poisonRows, type PoisonRow } from './poison-row.ts'

/** A row as it was sent, and where it lies. */
export interface SentRow {
  readonly row: PoisonRow
  readonly record: PoisonRecord
  readonly offset: bigint
}

/** Where poison goes: one partition, so that a record which stops it stops all that follow. */
export const POISON_PARTITION = 0

const { None, GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes
const codecs = [None, GZIP, Snappy, LZ4, ZSTD]
const ROWS_TOGETHER = 20
/** What would not fit into a batch with others, or has its own timestamp, which a batch would share. */
const ALONE_BYTES = 200_000

/**
 * Sends every row between good records: before the first, in the same batches as the rows, and after the last. The codecs take turns. The
 * records of a campaign keep their order.
 */
export async function sendPoison(brokers: readonly string[], topic: string, good: readonly TypedInput[]): Promise<readonly SentRow[]> {
  const { kafka, destroyConnections: cut } = createKafkaClient({ brokers, clientId: 'poison' }, { retries: 5 })
  const producer = kafka.producer({ idempotent: false })
  await producer.connect()
  const messages = await messagesOf(good)
  const groups = together(poisonRows)
  const perGroup = Math.ceil(messages.length / (groups.length + 1))
  const sent: SentRow[] = []
  for (const [index, rows] of groups.entries()) {
    const records = rows.map((row) => ({ row, record: recordOfRow(row) }))
    const between = messages.slice(index * perGroup, (index + 1) * perGroup)
    const poison = records.map(({ record }) => ({ ...record, partition: POISON_PARTITION }))
    // A record that fills its batch is sent uncompressed: the broker's limit applies to the compressed batch.
    const alone = rows.length === 1
    if (alone && between.length > 0) await producer.send({ topic, messages: between, acks: -1 })
    const batch: Message[] = alone ? poison : [...between, ...poison]
    const compression = alone ? None : (codecs[index % codecs.length] ?? None)
    const acknowledged = await producer.send({ topic, messages: batch, compression, acks: -1 })
    const base = acknowledged.find(({ partition }) => partition === POISON_PARTITION)?.baseOffset
    const before = alone ? 0 : between.filter(({ partition }) => partition === POISON_PARTITION).length
    for (const [at, one] of records.entries()) sent.push({ ...one, offset: BigInt(base ?? -1) + BigInt(before + at) })
  }
  await producer.send({ topic, messages: messages.slice(groups.length * perGroup), acks: -1 })
  await producer.disconnect()
  cut()
  return sent
}

function together(rows: readonly PoisonRow[]): PoisonRow[][] {
  const groups: PoisonRow[][] = []
  let open: PoisonRow[] = []
  const close = () => {
    if (open.length > 0) groups.push(open)
    open = []
  }
  for (const row of rows) {
    const { value, timestamp, headers } = recordOfRow(row)
    const alone = timestamp !== undefined || (value?.length ?? 0) > ALONE_BYTES || Object.keys(headers).length > 1_000
    if (alone || open.length === ROWS_TOGETHER) close()
    open.push(row)
    if (alone) close()
  }
  close()
  return groups
}

/** The records that our publisher would send; the campaigns lie on two partitions in turn. */
async function messagesOf(events: readonly TypedInput[]): Promise<Message[]> {
  const messages: Message[] = []
  const campaigns: string[] = []
  const transport = {
    send: async (_: string, made: readonly { key: string; value: Buffer; headers: Record<string, string> }[]) => {
      for (const one of made) {
        if (!campaigns.includes(one.key)) campaigns.push(one.key)
        messages.push({ ...one, partition: campaigns.indexOf(one.key) % 2 })
      }
    },
  }
  await createPublisher({ transport, topic: 'any' }).publishMany(events)
  return messages
}

/** A dead letter as it lies on its topic. */
export interface Letter {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, unknown>>
}

/** Everything on a topic, up to `count` records. */
export async function readTopic(brokers: readonly string[], topic: string, count: bigint): Promise<readonly Letter[]> {
  const { kafka, destroyConnections: cut } = createKafkaClient({ brokers, clientId: 'poison' }, { retries: 5 })
  const consumer = kafka.consumer({ groupId: freshGroupName(), allowAutoTopicCreation: false })
  const letters: Letter[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { key, value, headers = {} } of await unpacked(batch)) letters.push({ partition: batch.partition, key, value, headers })
    },
  })
  await eventually(`${count} records of ${topic} are read`, () => BigInt(letters.length) >= count || `${letters.length}`)
  await consumer.disconnect()
  cut()
  return letters
}
