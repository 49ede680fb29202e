import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import { codecs } from '../../../src/infra/kafka/patches/codecs.ts'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import type { KafkaSettings } from '../../../src/infra/kafka/client/kafka-client.ts'
import { startKafka } from '../../../stack/kafka-broker.ts'
import type { KafkaServer } from '../../../stack/kafka-broker.ts'
import { readByKafkajs, readPatched } from '../../support/fetch-decoding.ts'
import { freshTopicName } from '../../support/fresh.ts'
import type { Assignment, LogRecord } from '../../../src/ingest/record-source.ts'
import { sendRaw } from './raw-request.ts'
import { createSourceFixture, startsAt } from './source-fixture.ts'
import type { Member, SourceFixture } from './source-fixture.ts'

const require = createRequire(import.meta.url)
const fetchRequest: (fetch: object) => object = require('kafkajs/src/protocol/requests/fetch/v11/request.js')

const soon = { timeout: 100_000, interval: 25 }

let kafka: KafkaServer
let settings: KafkaSettings

beforeAll(async () => {
  kafka = await startKafka({ properties: { 'log.cleaner.backoff.ms': 100, 'auto.create.topics.enable': true } })
  settings = { brokers: [...kafka.bootstrap], clientId: 'contract' }
})
afterAll(async () => kafka.stop())

test('aborted records are not read, and every offset moves past the transaction marker', async () => {
  await using s = await createSourceFixture({ settings })
  await using transactions = await transactionsOn(s)
  await s.produce(0, ['a'])
  await transactions.send(['b', 'c'], 'commit')
  await transactions.send(['x', 'y'], 'abort')
  await s.produce(0, ['d'])
  await transactions.send(['z'], 'abort')
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a', '0:b', '0:c', '0:d']), soon)
  expect(member.batches.at(-1)?.nextOffset).toBe((await s.admin.ranges(s.topic)).get(0)?.high)
  // Nothing but aborted records and markers, which kafkajs passes without a batch.
  await transactions.send(['w'], 'abort')
  await passed(s, member)
  expect(member.reported('passed').at(-1)?.next).toBe((await s.admin.ranges(s.topic)).get(0)?.high)
  await s.produce(0, ['e'])
  await vi.waitFor(() => expect(member.values().at(-1)).toBe('0:e'), soon)
  expect(member.values()).toEqual(['0:a', '0:b', '0:c', '0:d', '0:e'])
  expect(member.assignments).toHaveLength(1)
})

test('where transactions of several producers overlap, exactly the committed records are read, from any start offset', async () => {
  await using s = await createSourceFixture({ settings })
  await using first = await transactionsOn(s, 'first')
  await using second = await transactionsOn(s, 'second')
  await using third = await transactionsOn(s, 'third')
  const outer = await first.begin()
  const inner = await second.begin()
  const kept = await third.begin()
  await outer.send(['outer-1'])
  await inner.send(['inner-1'])
  // Inside of two that are aborted. The broker names them in the order of their ends, `inner` first, and the first record here is of the other.
  // No marker exists yet: all transactions are open.
  const inside = 2n
  await outer.send(['outer-2'])
  await inner.send(['inner-2'])
  await kept.send(['kept-1'])
  await s.produce(0, ['outside'])
  await inner.abort()
  // This one is aborted still, though a transaction that began later has ended.
  await outer.send(['outer-3', 'outer-4'])
  const next = await second.begin()
  await next.send(['next'])
  await outer.abort()
  await kept.send(['kept-2'])
  await next.commit()
  await kept.commit()
  const committed = ['0:kept-1', '0:outside', '0:next', '0:kept-2']
  for (const start of [0n, inside]) {
    const assigned = (assignment: Assignment) => Promise.resolve(startsAt(assignment, start))
    const member = s.member({ assigned }, { groupId: `${s.group}-${start}` })
    await member.start()
    await vi.waitFor(() => expect(member.values().at(-1)).toBe('0:kept-2'), soon)
    expect(member.values()).toEqual(committed)
    expect(member.batches.at(-1)?.nextOffset).toBe((await s.admin.ranges(s.topic)).get(0)?.high)
    expect(member.assignments).toHaveLength(1)
  }
})

const compacted = { config: { 'cleanup.policy': 'compact', 'segment.ms': '1', 'min.cleanable.dirty.ratio': '0.01' } }

test('gaps left by compaction are skipped, and nothing is read twice', async () => {
  await using s = await createSourceFixture({ settings, topic: compacted })
  await s.produce(0, ['a', 'b', 'c'])
  await s.produce(0, ['c'])
  await s.produce(0, ['b'])
  // The newest segment is never compacted.
  await s.produce(0, ['end'])
  await vi.waitFor(async () => expect(await readBy(s.member({}, { groupId: `${s.group}-look` }))).toEqual(left), {
    timeout: 100_000,
    interval: 100,
  })
  // One batch at a time, so that some fetches find only what lies before their offset.
  const member = s.member({}, { maxBytesPerPartition: 1 })
  await member.start()
  await vi.waitFor(() => expect(member.values().at(-1)).toBe('0:end'), soon)
  expect(member.values()).toEqual(left)
  expect(member.assignments).toHaveLength(1)
})

describe('what a broker wrote is read as kafkajs reads it, from any offset:', () => {
  test('codecs, transactions, truncated fetches', async () => {
    await using s = await createSourceFixture({ settings })
    const { records, truncated } = await readAlike(s.topic, await writeBatches(s))
    expect(truncated).toBeGreaterThan(10)
    expect(withValue(records, 'first')).toHaveLength(Object.keys(codecs).length)
    expect(withValue(records, 'kept')).toHaveLength(2)
    expect(withValue(records, 'dropped')).toEqual([])
  })

  test('gaps left by compaction', async () => {
    await using s = await createSourceFixture({ settings, topic: compacted })
    const high = await writeBatches(s)
    await vi.waitFor(async () => expect(withValue(await walk(s.topic, high), 'first')).toEqual([]), { timeout: 100_000, interval: 100 })
    await readAlike(s.topic, high)
  })
})

test('a missing topic is not created, even where brokers create topics on request', async () => {
  await using s = await createSourceFixture({ settings })
  const topic = freshTopicName()
  await expect(s.member({}, { topic }).start()).rejects.toThrow('does not exist')
  const producer = createEventProducer(settings)
  await producer.connect()
  await expect(producer.send(topic, [{ key: 'k', value: Buffer.from('v'), headers: {} }])).rejects.toThrow('does not exist')
  await producer.disconnect()
  expect(await s.admin.topics([topic])).toEqual(new Map())
})

/** Batches of each codec, and transactions. Of the values `first` none is the latest of its key. */
async function writeBatches(s: SourceFixture): Promise<bigint> {
  await using transactions = await transactionsOn(s)
  const { kafka: client, destroyConnections: cut } = createKafkaClient(settings, { retries: 5 })
  const producer = client.producer({ idempotent: false })
  await producer.connect()
  for (const round of ['first', 'second']) {
    for (const [name, compression] of Object.entries(codecs)) {
      const headers = { 'event-type': 'user.verified', twice: ['1', '2'], empty: '' }
      const messages = [
        { key: name, value: round, headers },
        { key: `${name}-${round}`, value: 'x'.repeat(300), timestamp: '1600000000000' },
        { key: `${name}-none`, value: null },
      ]
      await producer.send({ topic: s.topic, compression, messages: messages.map((message) => ({ ...message, partition: 0 })) })
    }
    await transactions.send(['kept', `kept-${round}`], 'commit')
    await transactions.send(['dropped', `dropped-${round}`], 'abort')
  }
  await s.produce(0, ['end'])
  await producer.disconnect()
  cut()
  return (await s.admin.ranges(s.topic)).get(0)?.high ?? 0n
}

function withValue(records: readonly LogRecord[], value: string): LogRecord[] {
  return records.filter((record) => String(record.value) === value)
}

/**
 * Reads a partition from every offset, in fetches of several sizes: both decoders return the same records, which are those of a walk. Returns
 * these, and the number of fetches that the broker truncated.
 */
async function readAlike(topic: string, high: bigint): Promise<{ readonly records: readonly LogRecord[]; readonly truncated: number }> {
  const records = await walk(topic, high)
  let truncated = 0
  for (let from = 0n; from < high; from++) {
    for (const maxBytes of [1, 700, 1_000_000]) {
      const response = await fetched(topic, from, maxBytes)
      const ours = await readPatched({ response, fetchedOffset: from })
      const theirs = await readByKafkajs({ response, fetchedOffset: from })
      expect(ours.records).toEqual(theirs.records)
      expect(ours.nextOffset).toBeGreaterThan(from)
      expect(ours.records).toEqual(records.filter(({ offset }) => offset >= from && offset < ours.nextOffset))
      // The record set comes last, after its size.
      const size = response.length - maxBytes - 4
      if (size >= 0 && response.readInt32BE(size) === maxBytes) truncated += 1
    }
  }
  return { records, truncated }
}

/** One fetch after the other: a broker reads one segment at a time. */
async function walk(topic: string, high: bigint): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  for (let from = 0n; from < high;) {
    const reading = await readPatched({ response: await fetched(topic, from, 1_000_000), fetchedOffset: from })
    records.push(...reading.records)
    from = reading.nextOffset
  }
  return records
}

/** The response of the broker to a fetch that reads committed records. */
function fetched(topic: string, from: bigint, maxBytes: number): Promise<Buffer> {
  const topics = [{ topic, partitions: [{ partition: 0, fetchOffset: String(from), maxBytes }] }]
  const [broker = ''] = settings.brokers
  return sendRaw(broker, fetchRequest({ replicaId: -1, maxWaitTime: 100, minBytes: 1, maxBytes: 10_000_000, topics }))
}

/** Of `a b c`, `c`, `b`, `end`. */
const left = ['0:a', '0:c', '0:b', '0:end']

/** What a member reads from the beginning to `end`. */
async function readBy(member: Member): Promise<string[]> {
  await member.start()
  await vi.waitFor(() => expect(member.values()).toContain('0:end'), soon)
  await member.source.stop()
  return member.values()
}

/** Until the member has fetched what the log holds now: its pulse counts the fetches too. */
async function passed(s: SourceFixture, member: Member): Promise<void> {
  const beats = () => member.source.activity()?.fetches ?? 0
  const before = beats()
  await vi.waitFor(() => expect(beats()).toBeGreaterThan(before + 6), soon)
  expect((await s.admin.ranges(s.topic)).get(0)?.high).toBeGreaterThan(member.batches.at(-1)?.nextOffset ?? 0n)
}

async function transactionsOn({ topic }: SourceFixture, name = '') {
  const { kafka: client, destroyConnections: cut } = createKafkaClient(settings, { retries: 5 })
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: `transactions-of-${topic}${name}` })
  await producer.connect()
  const begin = async () => {
    const transaction = await producer.transaction()
    const send = (values: readonly string[]) =>
      transaction.send({ topic, messages: values.map((value) => ({ partition: 0, key: value, value })) })
    return { send, commit: () => transaction.commit(), abort: () => transaction.abort() }
  }
  return {
    begin,
    send: async (values: readonly string[], end: 'commit' | 'abort') => {
      const transaction = await begin()
      await transaction.send(values)
      await transaction[end]()
    },
    [Symbol.asyncDispose]: async () => {
      await producer.disconnect()
      cut()
    },
  }
}
