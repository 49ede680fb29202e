import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createKafkaClient } from '../../../src/infra/kafka/client.ts'
import { createEventProducer } from '../../../src/infra/kafka/event-producer.ts'
import type { KafkaSettings } from '../../../src/infra/kafka/client.ts'
import { startKafka } from '../../../stack/kafka-broker.ts'
import type { KafkaServer } from '../../../stack/kafka-broker.ts'
import { freshTopicName } from '../../support/fresh.ts'
import { scene } from './source-harness.ts'
import type { Member, Scene } from './source-harness.ts'

const soon = { timeout: 20_000, interval: 25 }

let kafka: KafkaServer
let settings: KafkaSettings

beforeAll(async () => {
  kafka = await startKafka({ properties: { 'log.cleaner.backoff.ms': 100, 'auto.create.topics.enable': true } })
  settings = { brokers: [...kafka.bootstrap], clientId: 'contract' }
})
afterAll(async () => kafka.stop())

test('transactions leave no trace: what was aborted is not read, and every position is behind its marker', async () => {
  await using s = await scene({ settings })
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
  await s.produce(0, ['e'])
  await vi.waitFor(() => expect(member.values().at(-1)).toBe('0:e'), soon)
  expect(member.values()).toEqual(['0:a', '0:b', '0:c', '0:d', '0:e'])
  expect(member.assignments).toHaveLength(1)
})

test('what compaction took away is passed, record by record, and nothing is read twice', async () => {
  const config = { 'cleanup.policy': 'compact', 'segment.ms': '1', 'min.cleanable.dirty.ratio': '0.01' }
  await using s = await scene({ settings, topic: { config } })
  await s.produce(0, ['a', 'b', 'c'])
  await s.produce(0, ['c'])
  await s.produce(0, ['b'])
  // The newest segment is never compacted.
  await s.produce(0, ['end'])
  await vi.waitFor(async () => expect(await readBy(s.member({}, { groupId: `${s.group}-look` }))).toEqual(left), {
    timeout: 30_000,
    interval: 100,
  })
  // One batch at a time, so that some fetches find only what lies before their offset.
  const member = s.member({}, { maxBytesPerPartition: 1 })
  await member.start()
  await vi.waitFor(() => expect(member.values().at(-1)).toBe('0:end'), soon)
  expect(member.values()).toEqual(left)
  expect(member.assignments).toHaveLength(1)
})

test('a topic that is missing stays so, even where brokers make topics for whoever asks', async () => {
  await using s = await scene({ settings })
  const topic = freshTopicName()
  await expect(s.member({}, { topic }).start()).rejects.toThrow('does not exist')
  const producer = createEventProducer(settings)
  await producer.connect()
  await expect(producer.send(topic, [{ key: 'k', value: Buffer.from('v'), headers: {} }])).rejects.toThrow('does not exist')
  await producer.disconnect()
  expect(await s.admin.topics([topic])).toEqual(new Map())
})

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
async function passed(s: Scene, member: Member): Promise<void> {
  const beats = () => member.source.pulse()?.beats ?? 0
  const before = beats()
  await vi.waitFor(() => expect(beats()).toBeGreaterThan(before + 6), soon)
  expect((await s.admin.ranges(s.topic)).get(0)?.high).toBeGreaterThan(member.batches.at(-1)?.nextOffset ?? 0n)
}

async function transactionsOn({ topic }: Scene) {
  const { kafka: client, cut } = createKafkaClient(settings, { retries: 5 })
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: `transactions-of-${topic}` })
  await producer.connect()
  return {
    send: async (values: readonly string[], end: 'commit' | 'abort') => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: values.map((value) => ({ partition: 0, key: value, value })) })
      await transaction[end]()
    },
    [Symbol.asyncDispose]: async () => {
      await producer.disconnect()
      cut()
    },
  }
}
