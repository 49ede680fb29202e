import { createRequire } from 'node:module'
import { expect, test, vi } from 'vitest'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import { topicTool } from '../../support/faults/topic-tool.ts'
import { freshTopicName } from '../../support/fresh.ts'
import { kafkaSettings, createSourceFixture } from './source-fixture.ts'

const require = createRequire(import.meta.url)
const Cluster: {
  prototype: { metadata(request?: { topics?: readonly string[] }): Promise<unknown> }
} = require('kafkajs/src/cluster/index.js')

test('a topic is created once, with its settings, and grows but never shrinks', async () => {
  await using s = await createSourceFixture()
  const name = freshTopicName()
  const topic = { name, partitions: 2, replicationFactor: 1, config: { 'retention.ms': '86400000' } }
  expect(await s.admin.topics([name])).toEqual(new Map())
  expect(await s.admin.createTopic(topic)).toBe(true)
  expect(await s.admin.createTopic(topic)).toBe(false)
  expect(await s.admin.topics([name, 'no-such-topic'])).toEqual(new Map([[name, 2]]))
  expect((await s.admin.topicConfig(name)).get('retention.ms')).toBe('86400000')
  await s.admin.growTopic(name, 12)
  await s.admin.growTopic(name, 3)
  // The controller has accepted it; the broker's metadata follows a moment later.
  await vi.waitFor(async () => expect(await s.admin.topics([name])).toEqual(new Map([[name, 12]])), { timeout: 100_000 })
})

test('a topic that the broker refuses is reported with the reason', async () => {
  await using s = await createSourceFixture()
  const refused = s.admin.createTopic({ name: freshTopicName(), partitions: 1, config: { 'retention.ms': 'soon' } })
  await expect(refused).rejects.toThrow(OperatorError)
  await expect(refused).rejects.toThrow('Configuration is invalid')
})

test('a topic is altered in the settings that are named, and in no other', async () => {
  await using s = await createSourceFixture()
  const name = freshTopicName()
  const config = { 'retention.ms': '86400000', 'max.message.bytes': '700000', 'segment.ms': '3600000' }
  await s.admin.createTopic({ name, partitions: 2, replicationFactor: 1, config })
  await s.admin.alterTopic(name, { 'retention.ms': '172800000', 'cleanup.policy': 'compact,delete' })
  const wanted = { ...config, 'retention.ms': '172800000', 'cleanup.policy': 'compact,delete' }
  const states = () => s.admin.topicStates(['no-such-topic', name, s.topic])
  await vi.waitFor(async () => expect(Object.fromEntries((await states()).get(name)?.config ?? [])).toMatchObject(wanted), {
    timeout: 100_000,
  })
  const [first, second, ...others] = await states()
  expect(others).toEqual([])
  expect(first).toEqual([name, expect.objectContaining({ partitions: [0, 1].map((partition) => ({ partition, replicas: 1, inSync: 1 })) })])
  expect(second?.[0]).toBe(s.topic)
})

test('a setting that the broker refuses is reported with the reason, and changes nothing', async () => {
  await using s = await createSourceFixture()
  const refused = s.admin.alterTopic(s.topic, { 'cleanup.policy': 'compact', 'retention.ms': 'soon' })
  await expect(refused).rejects.toThrow(OperatorError)
  await expect(refused).rejects.toThrow(`topic "${s.topic}" cannot be set to cleanup.policy=compact, retention.ms=soon: Invalid value soon`)
  expect((await s.admin.topicConfig(s.topic)).get('cleanup.policy')).toBe('delete')
})

test('the shared broker creates no topics', async () => {
  await using s = await createSourceFixture()
  expect(await s.admin.topicCreatingBrokers()).toEqual([])
})

test('ranges and offsets go by partition number and include partitions added later', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  await s.produce(1, ['a', 'b'])
  expect(await s.admin.ranges(s.topic)).toEqual(
    new Map([
      [0, { low: 0n, high: 0n }],
      [1, { low: 0n, high: 2n }],
    ]),
  )
  // By another, so that this admin's own knowledge of the topic is out of date.
  const other = createKafkaAdmin(kafkaSettings())
  await other.growTopic(s.topic, 12)
  await vi.waitFor(async () => expect(await other.topics([s.topic])).toEqual(new Map([[s.topic, 12]])), { timeout: 100_000 })
  await other.disconnect()
  const ranges = await s.admin.ranges(s.topic)
  expect([...ranges.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, partition) => partition))
  expect(ranges.get(1)).toEqual({ low: 0n, high: 2n })
  expect(ranges.get(11)).toEqual({ low: 0n, high: 0n })
  await expect(s.admin.ranges('no-such-topic')).rejects.toThrow('topic "no-such-topic" does not exist')
})

test('a topic is looked up among all topics of the cluster once, and again after a request for it has failed', async () => {
  await using s = await createSourceFixture()
  await using tool = await topicTool(kafkaSettings().brokers)
  const requests = vi.spyOn(Cluster.prototype, 'metadata')
  /** The client that asked, for each list. */
  const lists = () => requests.mock.contexts.filter((_, index) => requests.mock.calls[index]?.[0]?.topics === undefined)
  const admin = createKafkaAdmin(kafkaSettings())
  for (let times = 0; times < 3; times++) {
    await admin.ranges(s.topic)
    await admin.committed(s.group, s.topic)
    await admin.topicId(s.topic)
  }
  // A request that fails, as on a busy broker, is sent by another client, which looks once more.
  expect(lists().length).toBeGreaterThan(0)
  expect(lists().length).toBe(new Set(lists()).size)
  await tool.deleteTopic(s.topic)
  const before = lists().length
  for (const request of [() => admin.ranges(s.topic), () => admin.committed(s.group, s.topic), () => admin.topicId(s.topic)]) {
    await expect(request()).rejects.toThrow(`topic "${s.topic}" does not exist on `)
  }
  expect(lists().length).toBeGreaterThan(before)
  requests.mockRestore()
  await admin.disconnect()
})

test('the offset at a time is the first record at or after it, or high', async () => {
  await using s = await createSourceFixture()
  await s.produce(0, ['a'])
  const between = new Date(Date.now() + 1)
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(between.getTime()), { timeout: 60_000 })
  await s.produce(0, ['b', 'c'])
  expect(await s.admin.offsetsAt(s.topic, new Date(0))).toEqual(new Map([[0, 0n]]))
  expect(await s.admin.offsetsAt(s.topic, between)).toEqual(new Map([[0, 1n]]))
  expect(await s.admin.offsetsAt(s.topic, new Date(Date.now() + 3_600_000))).toEqual(new Map([[0, 3n]]))
})

test('reading committed offsets writes none, and set offsets are the committed ones', async () => {
  await using s = await createSourceFixture({ partitions: 3 })
  await s.produce(0, ['a', 'b'])
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map())
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map())
  expect(await s.admin.groupState(s.group)).toEqual({ state: 'Dead', members: 0 })
  await s.admin.setCommitted(
    s.group,
    s.topic,
    new Map([
      [0, 2n],
      [2, 0n],
    ]),
  )
  expect(await s.admin.committed(s.group, s.topic)).toEqual(
    new Map([
      [0, 2n],
      [2, 0n],
    ]),
  )
  await s.admin.setCommitted(s.group, s.topic, new Map([[0, 1n]]))
  expect(await s.admin.committed(s.group, s.topic)).toEqual(
    new Map([
      [0, 1n],
      [2, 0n],
    ]),
  )
  expect(await s.admin.groupState(s.group)).toEqual({ state: 'Empty', members: 0 })
})

test('offsets of a group with members are not moved', async () => {
  await using s = await createSourceFixture()
  await s.member().start()
  expect(await s.admin.groupState(s.group)).toEqual({ state: 'Stable', members: 1 })
  const moved = s.admin.setCommitted(s.group, s.topic, new Map([[0, 0n]]))
  await expect(moved).rejects.toThrow(OperatorError)
  await expect(moved).rejects.toThrow('stop its workers')
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map())
})

test('brokers that do not answer are named', async () => {
  const admin = createKafkaAdmin({ brokers: ['127.0.0.1:1', '127.0.0.1:2'], clientId: 'contract' })
  await expect(admin.connect()).rejects.toThrow(OperatorError)
  await expect(admin.connect()).rejects.toThrow('no Kafka broker answers at 127.0.0.1:1, 127.0.0.1:2')
  await expect(admin.connect(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
  await admin.disconnect()
})

test('an admin client that was disconnected reconnects with its next request', async () => {
  const admin = createKafkaAdmin(kafkaSettings())
  await admin.connect()
  await admin.disconnect()
  expect(await admin.topics(['no-such-topic'])).toEqual(new Map())
  await admin.disconnect()
})

test('a recreated topic has another id, and a leader epoch ends where its records end', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  await using tool = await topicTool(kafkaSettings().brokers)
  await s.produce(1, ['a', 'b', 'c'])
  const id = await s.admin.topicId(s.topic)
  expect(id).toMatch(/^[\w-]{22}$/)
  expect(await s.admin.topicId(s.topic)).toBe(id)
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.values()).toHaveLength(3), { timeout: 100_000 })
  const epoch = member.batches.flatMap(({ records }) => records).at(-1)?.leaderEpoch ?? -1
  await member.source.stop()
  const epochs = new Map([
    [0, epoch],
    [1, epoch],
    [7, epoch],
  ])
  expect(await s.admin.epochEnds(s.topic, epochs)).toEqual(
    new Map([
      [0, 0n],
      [1, 3n],
    ]),
  )
  // Retention takes records that were read: the epoch ends where it did.
  await tool.deleteRecordsBelow(s.topic, 1, 3n)
  expect(await s.admin.epochEnds(s.topic, new Map([[1, epoch]]))).toEqual(new Map([[1, 3n]]))
  expect(await s.admin.epochEnds(s.topic, new Map([[1, epoch + 5]]))).toEqual(new Map([[1, null]]))

  await tool.deleteTopic(s.topic)
  await vi.waitFor(async () => expect(await s.admin.createTopic({ name: s.topic, partitions: 2 })).toBe(true), { timeout: 100_000 })
  expect(await s.admin.topicId(s.topic)).not.toBe(id)
})
