import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { KafkaSettings } from '../../../src/infra/kafka/client/kafka-client.ts'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { LogAccessRefused } from '../../../src/ingest/log-admin.ts'
import { startBrokerWithRights, type BrokerWithRights } from '../../support/broker-rights.ts'
import { connectPublisher } from '../../../src/publisher/connect-publisher.ts'
import { createSourceFixture, type Member } from './source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }
let broker: BrokerWithRights
let everything: KafkaSettings
let asWorker: KafkaSettings

beforeAll(async () => {
  broker = await startBrokerWithRights({ 'group.max.size': 2 })
  everything = { brokers: broker.kafka.bootstrap, clientId: 'contract' }
  const { KAFKA_BROKERS: at = '', KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = broker.login
  asWorker = { brokers: [at], clientId: 'contract', sasl: { mechanism: 'SCRAM-SHA-512', username, password } }
})

afterAll(async () => broker.stop())

/** Starts a member that the brokers refuse, and returns the sentence that it reports. */
async function refusalOf(member: Member): Promise<string> {
  void member.start().catch(() => undefined) // Ends with the fixture.
  await vi.waitFor(() => expect(member.reported('crashed')).not.toEqual([]), soon)
  const [crash] = member.reported('crashed')
  expect(crash?.error).toBeInstanceOf(LogAccessRefused)
  return crash?.error.message ?? ''
}

test('a session timeout that the brokers reject is reported with the variable', async () => {
  await using s = await createSourceFixture({ settings: everything })
  const sentence = await refusalOf(s.member({}, { sessionTimeoutMs: 2_000 }))
  expect(sentence).toMatch(
    /^Kafka at \S+ rejects KAFKA_SESSION_TIMEOUT_MS \(2000\): set it within group.min.session.timeout.ms and group.max/,
  )
})

test('a full group is reported, and joined once a member has left', async () => {
  await using s = await createSourceFixture({ settings: everything })
  const first = s.member()
  await first.start()
  await s.member().start()
  const third = s.member()
  const sentence = await refusalOf(third)
  expect(sentence).toContain(`group "${s.group}" has as many members as Kafka at`)
  expect(sentence).toContain('stop one of its workers, or raise group.max.size of the brokers')
  await first.source.stop()
  await vi.waitFor(() => expect(third.reported('joined')).not.toEqual([]), soon)
})

test('a member of another program is reported, and the group is joined once that member has left', async () => {
  await using s = await createSourceFixture({ settings: everything })
  const { kafka, destroyConnections: cut } = createKafkaClient(everything, { retries: 2 })
  const other = kafka.consumer({
    groupId: s.group,
    partitionAssigners: [
      (config) => {
        const roundRobin = kafkajs.PartitionAssigners.roundRobin(config)
        return { ...roundRobin, name: 'range', protocol: (subscription) => ({ ...roundRobin.protocol(subscription), name: 'range' }) }
      },
    ],
  })
  const joined = new Promise((resolve) => other.on('consumer.group_join', resolve))
  await other.connect()
  await other.subscribe({ topics: [s.topic] })
  await other.run({ eachMessage: () => Promise.resolve() })
  await joined
  const member = s.member()
  expect(await refusalOf(member)).toMatch(
    /^group ".*" of Kafka at \S+ has a member of another program, with another partition assignor: stop it, or set KAFKA_GROUP_PREFIX/,
  )
  await other.disconnect()
  cut()
  await vi.waitFor(() => expect(member.reported('joined')).not.toEqual([]), soon)
})

test('each missing right is named, with its resource', async () => {
  await using s = await createSourceFixture({ settings: everything })
  await broker.grant(['topic', s.topic, 'Describe'])
  const member = s.member({}, { settings: asWorker })
  expect(await refusalOf(member)).toMatch(/does not let our user read as group ".*": grant Read on that group$/)
  await broker.grant(['group', s.group, 'Read'])
  const noRight = (right: string) => new RegExp(`^Kafka at \\S+ does not give our user the right ${right} on topic "${s.topic}": grant it$`)
  const last = () => member.reported('crashed').at(-1)?.error.message ?? ''
  await vi.waitFor(() => expect(last()).toMatch(noRight('Read')), soon)
  const admin = createKafkaAdmin(asWorker)
  const producer = createEventProducer(asWorker)
  try {
    await expect(admin.topicConfig(s.topic)).rejects.toThrow(noRight('DescribeConfigs'))
    await expect(admin.growTopic(s.topic, 9)).rejects.toThrow(noRight('Alter'))
    await expect(admin.alterTopic(s.topic, { 'retention.ms': '1000' })).rejects.toThrow(noRight('AlterConfigs'))
    await expect(admin.topicStates([s.topic])).rejects.toThrow(noRight('DescribeConfigs'))
    await expect(admin.topicCreatingBrokers()).rejects.toThrow(
      /^Kafka at \S+ does not give our user the right DescribeConfigs on the cluster: grant it$/,
    )
    await expect(admin.createTopic({ name: 'another', partitions: 1 })).rejects.toThrow(/the right Create on topic "another": grant it$/)
    await expect(admin.committedWithOwner(`${s.group}-other`, s.topic)).rejects.toThrow(/as group ".*-other": grant Read on that group$/)
    await producer.connect()
    await expect(producer.send(s.topic, [{ key: 'k', value: Buffer.from('v'), headers: {} }])).rejects.toThrow(noRight('Write'))
    await broker.revoke(['topic', s.topic, 'Describe'])
    expect(await admin.topics([s.topic])).toEqual(new Map())
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
})

const noWrite = (topic: string) => ({
  reason: 'refused',
  message: expect.stringContaining(`does not give this user the right Write on topic "${topic}": grant it`),
})

test('the publisher of the package needs the right Write on its topic, and no other', async () => {
  await using s = await createSourceFixture({ settings: everything })
  const { brokers, clientId, sasl } = asWorker
  const connect = (topic: string) => connectPublisher({ brokers, clientId, topic, sasl })
  await expect(connect(s.topic)).rejects.toMatchObject(noWrite(s.topic))
  await broker.grant(['topic', s.topic, 'Write'])
  const userId = randomUUID()
  const event = { accountId: userId, campaignId: userId, userId, email: 'guest@example.com' }
  await vi.waitFor(async () => {
    const publisher = await connect(s.topic)
    try {
      await publisher.publishUserSignedUp(event)
    } finally {
      await publisher.close()
    }
  }, soon)
  await using other = await createSourceFixture({ settings: everything })
  const publisher = await connect(other.topic)
  await expect(publisher.publishUserSignedUp(event)).rejects.toMatchObject(noWrite(other.topic))
  await publisher.close()
})

test('the publisher of the package logs in with the secret as it is now', async () => {
  await using s = await createSourceFixture({ settings: everything })
  const { brokers, clientId, sasl } = asWorker
  const before = { mechanism: 'SCRAM-SHA-512', username: 'worker', password: 'of yesterday' } as const
  const connect = (accessNow?: () => Pick<KafkaSettings, 'sasl'>) =>
    connectPublisher({ brokers, clientId, topic: s.topic, sasl: before, accessNow })
  await expect(connect()).rejects.toMatchObject({ name: 'PublisherError', reason: 'refused' })
  await broker.grant(['topic', s.topic, 'Write'])
  await vi.waitFor(async () => (await connect(() => ({ sasl }))).close(), soon)
})

test('more replicas than brokers are refused with the number of brokers', async () => {
  const admin = createKafkaAdmin(everything)
  try {
    await expect(admin.createTopic({ name: 'copied', partitions: 1, replicationFactor: 3 })).rejects.toThrow(
      /^topic "copied" cannot have 3 copies of each partition: the cluster has 1 broker; give --replication-factor 1 or less$/,
    )
  } finally {
    await admin.disconnect()
  }
})
