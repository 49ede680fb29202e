import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import { connectPublisher } from '../../../src/publisher/connect-publisher.ts'
import { createSourceFixture } from '../../contract/kafka/source-fixture.ts'
import { eventually } from '../../support/eventually.ts'
import { startKafkaCluster } from '../../support/kafka-cluster.ts'

/**
 * Fault: One of three replicas goes away, on a topic that requires all three.
 * Promise: A send fails, and is not acknowledged by the remaining replicas.
 */
test('a send that not all replicas have received fails', async () => {
  await using cluster = await startKafkaCluster()
  await using s = await createSourceFixture({
    settings: cluster.settings,
    topic: { replicationFactor: 3, config: { 'min.insync.replicas': '3' } },
  })
  const producer = createEventProducer(cluster.settings)
  await producer.connect()
  const send = () => producer.send(s.topic, [{ key: 'k', value: Buffer.from('v'), headers: {} }])
  await send()
  const leader = (await cluster.leaders(s.topic)).get(0)
  await cluster.kafka.brokers.find(({ id }) => id !== leader)?.stop()
  await expect(send()).rejects.toThrow(/replicas/)
  await producer.disconnect()
})

test('a call of the guaranteed publisher fails, and says why, when not all replicas have the event', async () => {
  await using cluster = await startKafkaCluster()
  await using s = await createSourceFixture({
    settings: cluster.settings,
    topic: { replicationFactor: 3, config: { 'min.insync.replicas': '3' } },
  })
  const publisher = await connectPublisher({ ...cluster.settings, topic: s.topic, timeoutMs: 5_000 })
  const userId = randomUUID()
  const publish = () => publisher.publishUserSignedUp({ accountId: userId, campaignId: userId, userId, email: 'guest@example.com' })
  await publish()
  const leader = (await cluster.leaders(s.topic)).get(0)
  const other = cluster.kafka.brokers.find(({ id }) => id !== leader)
  await other?.stop()
  await expect(publish()).rejects.toMatchObject({ reason: 'unavailable', message: expect.stringContaining('replicas') })
  await other?.start()
  await eventually('the event is acknowledged', () => publish().then(() => true, String))
  await publisher.close()
})
