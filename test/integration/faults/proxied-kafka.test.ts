import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { kafkaMetadata } from '../../../stack/kafka-metadata.ts'
import { eventually } from '../../support/eventually.ts'
import { startProxiedKafka } from '../../support/faults/proxied-kafka.ts'

test('clients of three brokers get the addresses of the proxies only; direct connections are not affected', async () => {
  await using proxied = await startProxiedKafka({ brokers: 3 })
  const { proxies, bootstrap, direct } = proxied
  expect(bootstrap).toEqual(proxies.map(({ port }) => `127.0.0.1:${port}`))
  const ports = proxies.map(({ port }) => port)
  for (const port of ports) expect(await advertisedAt(`127.0.0.1:${port}`)).toEqual(ports)
  expect(direct).toHaveLength(3)
  for (const address of direct) expect((await advertisedAt(address)).map((port) => `127.0.0.1:${port}`)).toEqual(direct)

  await using producer = await connected([...bootstrap])
  await using beside = await connected([...direct])
  await beside.create('through')
  await producer.send('through')
  await Promise.all(proxies.map((proxy) => proxy.refuse()))
  await expect(producer.send('through')).rejects.toThrow(/ECONNREFUSED|Closed connection|Connection error/)
  await beside.send('through')
  await Promise.all(proxies.map((proxy) => proxy.pass()))
  await producer.send('through')
  expect(await beside.high('through')).toBeGreaterThanOrEqual(3)
})

/** The ports that are advertised to clients, in the order of the brokers' ids. */
async function advertisedAt(address: string): Promise<number[]> {
  const { brokers } = await kafkaMetadata(Number(address.split(':')[1]), AbortSignal.timeout(5_000))
  return brokers.toSorted((one, other) => one.id - other.id).map(({ port }) => port)
}

async function connected(brokers: string[]) {
  // Gives up soon where it may not get through.
  const kafka = new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    retry: { initialRetryTime: 100, retries: 12, maxRetryTime: 300 },
  })
  const [producer, admin] = [kafka.producer({ allowAutoTopicCreation: false }), kafka.admin()]
  await Promise.all([producer.connect(), admin.connect()])
  return {
    create: async (topic: string) => {
      await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 3 }], waitForLeaders: false })
      // The client's own wait ends at the first broker that does not know the topic yet.
      await eventually('it has its leaders', async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
        const leaders = topics.flatMap(({ partitions }) => partitions.filter(({ leader }) => leader >= 0))
        return leaders.length === 3 || `${leaders.length} leaders`
      })
    },
    send: async (topic: string) => producer.send({ topic, acks: -1, messages: [{ value: 'x' }] }),
    high: async (topic: string) => (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([producer.disconnect(), admin.disconnect()])
    },
  }
}
