import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KafkaSettings } from '../../../src/infra/kafka/client/kafka-client.ts'
import { createOutboxSender } from '../../../src/infra/kafka/producer/kafka-outbox-sender.ts'
import type { OutboxRecord, OutboxSender, Refusal } from '../../../src/outbox/outbox-sender.ts'
import { messageOf } from '../../../src/std/failure.ts'
import { startBrokerWithRights, type BrokerWithRights } from '../../support/broker-rights.ts'
import { topicTool } from '../../support/faults/topic-tool.ts'
import { freshTopicName } from '../../support/fresh.ts'
import { createTopics, recordsOf } from '../../support/outbox-relay.ts'

let broker: BrokerWithRights
let asWorker: KafkaSettings
let sender: OutboxSender
beforeAll(async () => {
  broker = await startBrokerWithRights()
  const { KAFKA_BROKERS: at = '', KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = broker.login
  asWorker = { brokers: [at], clientId: 'contract', sasl: { mechanism: 'SCRAM-SHA-512', username, password } }
  sender = createOutboxSender(asWorker)
})
afterAll(async () => {
  await sender.disconnect()
  await broker.stop()
})

async function topicFor(config: Readonly<Record<string, string>> = {}, ...rights: readonly ('Write' | 'Describe')[]): Promise<string> {
  return partitioned(1, config, ...rights)
}

async function partitioned(
  partitions: number,
  config: Readonly<Record<string, string>>,
  ...rights: readonly ('Write' | 'Describe')[]
): Promise<string> {
  const name = freshTopicName()
  await createTopics(broker.kafka.bootstrap, [{ name, partitions, config }])
  await broker.grant(...rights.map((right) => ['topic', name, right] as const))
  return name
}

const record = (size: number) => ({ key: 'key', value: Buffer.alloc(size, 'x'), headers: { 'event-id': String(size) } })

/** Null when all are acknowledged. */
async function refusalOf(topic: string, ...records: readonly OutboxRecord[]): Promise<Refusal | null> {
  const { acknowledged, refusal, trouble } = await sender.send(topic, records)
  expect([trouble, acknowledged.length === records.length]).toEqual([undefined, refusal === undefined])
  return refusal ?? null
}

test('records are acknowledged, with the rights Write and Describe alone', async () => {
  const topic = await topicFor({}, 'Write', 'Describe')
  expect(await refusalOf(topic, record(1), record(2))).toBeNull()
  expect((await recordsOf(broker.kafka.bootstrap, topic)).map(({ eventId, key }) => [eventId, key])).toEqual([
    ['1', 'key'],
    ['2', 'key'],
  ])
})

test('a topic without the right Write is refused as a whole, and taken once it is granted', async () => {
  const topic = await topicFor({}, 'Describe')
  expect(await refusalOf(topic, record(1))).toEqual({
    of: 'topic',
    reason: 'topic-refused',
    sentence: expect.stringMatching(
      new RegExp(
        `does not give our user the right Write on topic "${topic}": grant it, then run workerctl outbox requeue --topic ${topic}$`,
      ),
    ),
  })
  await broker.grant(['topic', topic, 'Write'])
  await expect.poll(() => refusalOf(topic, record(1))).toBeNull()
})

test('a topic that is deleted is refused, and no other: those that were sent to, and new ones, are taken', async () => {
  const [gone, stays, later] = [await topicFor({}, 'Write'), await topicFor({}, 'Write'), await topicFor({}, 'Write')]
  expect(await refusalOf(gone, record(1))).toBeNull()
  expect(await refusalOf(stays, record(1))).toBeNull()
  await using tool = await topicTool(broker.kafka.bootstrap)
  await tool.deleteTopic(gone)
  expect(await refusalOf(gone, record(2))).toMatchObject({ of: 'topic' })
  expect(await refusalOf(later, record(1))).toBeNull()
  expect(await refusalOf(stays, record(2))).toBeNull()
})

test('a list with a record that is too large is refused for its records', async () => {
  const topic = await topicFor({ 'max.message.bytes': '1000' }, 'Write', 'Describe')
  const refusal = { of: 'records', reason: 'too-large', sentence: expect.stringContaining('raise its max.message.bytes') }
  expect(await refusalOf(topic, record(10), record(5_000))).toEqual(refusal)
  expect(await refusalOf(topic, record(10))).toBeNull()
})

test('what the other partitions have acknowledged is said, where one refuses a record', async () => {
  const topic = await partitioned(8, { 'max.message.bytes': '1000' }, 'Write', 'Describe')
  const small = Array.from({ length: 40 }, (_, index) => ({ ...record(index + 1), key: String(index) }))
  const large = { ...record(5_000), key: 'large' }
  const { acknowledged, unknown, refusal } = await sender.send(topic, [...small, large])
  expect(refusal).toMatchObject({ of: 'records', reason: 'too-large' })
  expect(unknown).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(10)
  expect(acknowledged.length).toBeLessThan(41)
  expect(acknowledged).not.toContain(large)
})

test('a login that is refused is no refusal of a topic, and neither are brokers that are away', async () => {
  const topic = await topicFor({}, 'Write', 'Describe')
  const stranger = createOutboxSender({ ...asWorker, sasl: { mechanism: 'SCRAM-SHA-512', username: 'worker', password: 'wrong' } })
  expect(messageOf((await stranger.send(topic, [record(1)])).trouble)).toContain('rejects the user or the password')
  await stranger.disconnect()
  const alone = await startBrokerWithRights()
  const far = createOutboxSender({ brokers: alone.kafka.bootstrap, clientId: 'contract' })
  expect(await far.send(topic, [record(1)])).toMatchObject({ refusal: { of: 'topic' } })
  await alone.stop()
  const { acknowledged, unknown, trouble } = await far.send(topic, [record(1)])
  expect([acknowledged, unknown, messageOf(trouble)]).toEqual([[], [], expect.stringMatching(/connect|broker|retries/i)])
  await far.disconnect()
})
