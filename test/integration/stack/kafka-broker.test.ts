import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { KafkaOptions, KafkaServer } from '../../../stack/kafka-broker.ts'
import { startKafka } from '../../../stack/kafka-broker.ts'
import { kafkaMetadata } from '../../../stack/kafka-metadata.ts'

test('a broker keeps its port and its records across a clean restart and a kill, and leaves nothing behind', async () => {
  const temporary = await emptyTemporaryFolder()
  const progress: string[] = []
  const kafka = await start({ onProgress: (line) => progress.push(line) })
  expect(progress.at(-1)).toMatch(/up after \d+\.\d s$/)
  const [broker] = kafka.brokers
  const topic = 'kept'
  await onAdmin(kafka, async (admin) => admin.createTopics({ topics: [{ topic }] }))

  await produce(kafka, topic)
  await broker?.stop()
  expect(broker?.pid()).toBeUndefined()
  await expect(kafkaMetadata(broker?.port ?? 0, AbortSignal.timeout(5_000))).rejects.toThrow(/ECONNREFUSED/)
  await broker?.start()
  await produce(kafka, topic)
  await broker?.kill()
  await broker?.start()
  await produce(kafka, topic)
  expect(await onAdmin(kafka, async (admin) => admin.fetchTopicOffsets(topic))).toMatchObject([{ high: '3' }])

  await kafka.stop()
  await kafka.stop()
  expect(broker?.pid()).toBeUndefined()
  expect(await readdir(temporary)).toEqual([])
})

test('three brokers replicate every partition and elect another leader when one is killed', async () => {
  const kafka = await start({ brokers: 3 })
  expect(kafka.bootstrap).toHaveLength(3)
  const topic = 'replicated'
  await onAdmin(kafka, async (admin) => {
    await admin.createTopics({ topics: [{ topic }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions[0]?.replicas).toHaveLength(3)
    await kafka.brokers.find(({ id }) => id === topics[0]?.partitions[0]?.leader)?.kill()
  })
  await produce(kafka, topic)
})

test('a broker advertises the port of its proxy, and accepts properties', async () => {
  const kafka = await start({ advertise: ({ port }) => port + 1, properties: { 'message.max.bytes': 12_345 } })
  const [broker] = kafka.brokers
  expect(kafka.bootstrap).toEqual([`127.0.0.1:${(broker?.port ?? 0) + 1}`])
  const { brokers, clusterId } = await kafkaMetadata(broker?.port ?? 0, AbortSignal.timeout(5_000))
  expect(brokers).toEqual([{ id: 1, host: '127.0.0.1', port: (broker?.port ?? 0) + 1 }])
  expect(clusterId).toBe(kafka.clusterId)
})

test('a broker that fails to start reports the end of its log and leaves no folder', async () => {
  const temporary = await emptyTemporaryFolder()
  await expect(startKafka({ properties: { 'group.initial.rebalance.delay.ms': 'soon' } })).rejects.toThrow(/soon/)
  expect(await readdir(temporary)).toEqual([])
})

async function start(options: KafkaOptions): Promise<KafkaServer> {
  const kafka = await startKafka(options)
  onTestFinished(async () => kafka.stop())
  return kafka
}

type Admin = ReturnType<Kafka['admin']>

async function onAdmin<T>(kafka: KafkaServer, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client(kafka).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

async function produce(kafka: KafkaServer, topic: string): Promise<void> {
  const producer = client(kafka).producer({ allowAutoTopicCreation: false })
  await producer.connect()
  await producer.send({ topic, acks: -1, messages: [{ value: 'x' }] })
  await producer.disconnect()
}

function client(kafka: KafkaServer): Kafka {
  return new Kafka({ brokers: [...kafka.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 1_000 } })
}

/** A temporary folder for this test alone: other stacks may run on the machine. */
async function emptyTemporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stack-test-'))
  vi.stubEnv('TMPDIR', path)
  onTestFinished(async () => {
    vi.unstubAllEnvs()
    await rm(path, { recursive: true, force: true })
  })
  return path
}
