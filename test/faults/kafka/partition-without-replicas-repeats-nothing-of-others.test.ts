import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createPublisher } from '../../../src/events/publisher.ts'
import { connectPublisher } from '../../../src/publisher/connect-publisher.ts'
import { eventually } from '../../support/eventually.ts'
import { freshTopicName } from '../../support/fresh.ts'
import { startKafkaCluster } from '../../support/kafka-cluster.ts'
import { migratedDatabase } from '../../support/migrated-database.ts'
import { createTopics, recordsOf, startRelay } from '../../support/outbox-relay.ts'

const topicOf = (name: string) => ({ name, partitions: 12, replicationFactor: 2, config: { 'min.insync.replicas': '2' } })

function signUp() {
  return { accountId: randomUUID(), campaignId: randomUUID(), userId: randomUUID(), email: 'guest@example.com' }
}

/**
 * Fault: One of three brokers is stopped, so that some partitions of a topic have too few replicas and others have all of theirs.
 * Promise: The relay of the outbox marks what the others have acknowledged, and sends none of it again while the rest waits; once the broker is
 * back, everything is in the log exactly once.
 */
test('partitions without enough replicas make the relay repeat nothing of the others', async () => {
  await using cluster = await startKafkaCluster()
  const { brokers } = cluster.settings
  const database = await migratedDatabase()
  const topic = freshTopicName()
  await createTopics(brokers, [topicOf(topic)])
  await cluster.kafka.brokers[2]?.stop()
  const publisher = createPublisher({ transport: { send: () => Promise.reject(new Error('only in transactions')) }, topic })
  const events = Array.from({ length: 400 }, () => ({ type: 'user.signed_up' as const, ...signUp() }))
  const published = await database.transaction((tx) => publisher.inTransaction(tx).publishMany(events))
  const count = async (where: string) =>
    (await database.sql.query<{ count: number }>(`SELECT count(*)::int AS count FROM worker.outbox WHERE ${where}`))[0]?.count ?? -1
  {
    await using running = await startRelay(database, brokers)
    const waits = () => running.facts.filter((fact) => fact.is === 'outbox-waiting')
    await eventually('shards have waited several times', () => waits().length >= 16 || `${waits().length} waits`)
    expect(waits().map(({ cause }) => cause)).toContainEqual(expect.stringMatching(/replicas/))
    const marked = await count('published_at IS NOT NULL')
    expect(marked).toBeGreaterThan(50)
    expect(marked).toBeLessThan(400)
    const written = (await recordsOf(brokers, topic)).map(({ eventId }) => eventId)
    expect([written.length, new Set(written).size]).toEqual([marked, marked])
    await cluster.kafka.brokers[2]?.start()
    await eventually('the outbox is published', async () => {
      const left = await count('published_at IS NULL')
      return left === 0 || `${left} are left`
    })
  }
  const ids = (await recordsOf(brokers, topic)).map(({ eventId }) => eventId)
  expect(ids.toSorted()).toEqual(published.map(({ eventId }) => eventId).toSorted())
  await database.close()
})

/**
 * Fault: The same under the guaranteed publisher of the package.
 * Promise: Every call that resolves is in the log exactly once, whatever its neighbours in a request had to wait for.
 */
test('partitions without enough replicas make the publisher double nothing of the others', async () => {
  await using cluster = await startKafkaCluster()
  const { brokers } = cluster.settings
  const topic = freshTopicName()
  await createTopics(brokers, [topicOf(topic)])
  await cluster.kafka.brokers[2]?.stop()
  const publisher = await connectPublisher({ brokers, clientId: 'application', topic, timeoutMs: 600_000 })
  const ids: string[] = []
  const calls = Array.from({ length: 300 }, async () => ids.push((await publisher.publishUserSignedUp(signUp())).eventId))
  await eventually('calls of other partitions resolve', () => ids.length > 50 || `${ids.length} resolved`)
  await cluster.kafka.brokers[2]?.start()
  await Promise.all(calls)
  await publisher.close()
  const written = (await recordsOf(brokers, topic)).map(({ eventId }) => eventId)
  expect(written.toSorted()).toEqual(ids.toSorted())
})
