import { randomUUID } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { composeGroup } from '../../src/daemon/compose/groups.ts'
import type { Channels } from '../../src/delivery/define-channel.ts'
import { Destinations } from '../../src/delivery/destinations.ts'
import { createPublisher } from '../../src/events/publisher.ts'
import { createDeadLetterSink } from '../../src/infra/kafka/producer/kafka-dead-letter-sink.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { createAcceptStore } from '../../src/infra/postgres/ingest/postgres-accept-store.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { Fact } from '../../src/model/fact.ts'
import { eventually } from '../support/eventually.ts'
import { freshGroupName, freshTopicName } from '../support/fresh.ts'
import { MemoryIntentStore } from '../support/memory-intent-store.ts'
import { migratedDatabase } from '../support/migrated-database.ts'

const PARTITIONS = 4
const EVENTS = 200

test('a bad deploy: behind the fifth equal failure its group waits, nothing more is given up or committed, the other group goes on; a probe that succeeds ends it', async () => {
  const topic = freshTopicName()
  const kafka = { brokers: inject('kafkaBootstrap'), clientId: 'integration' }
  const config = loadConfig(
    {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_TOPIC: topic,
      KAFKA_GROUP_PREFIX: `${freshGroupName('deploy')}.`,
      DATABASE_URL: 'postgresql://db.example.com/platform',
    },
    { groups: ['bad-workers', 'good-workers'], mailGroups: [] },
  )
  const admin = createKafkaAdmin(kafka)
  const deadLetters = createDeadLetterSink(kafka)
  const producer = createEventProducer(kafka)
  const database = await migratedDatabase()
  await Promise.all([admin.connect(), deadLetters.connect(), producer.connect()])
  const facts: Fact[] = []
  const compose = (consumer: Consumer) =>
    composeGroup(consumer, {
      config,
      kafka,
      admin,
      deadLetters,
      acceptStore: createAcceptStore(database),
      intentStore: new MemoryIntentStore(),
      // No intent is ever written.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      channels: {} as Channels,
      destinations: new Destinations(() => undefined, { channels: channelList }),
      clock,
      observe: (fact) => facts.push(fact),
      owner: 'integration',
      crashLoopRule: { limit: 5, withinMs: 60_000, probeEveryMs: 200 },
    })
  let isBad = true
  const bad = compose({
    name: 'bad-workers',
    types: ['user.signed_up'],
    kinds: [],
    accept: () => {
      if (isBad) throw new TypeError('person@example.com')
      return []
    },
  })
  const good = compose({ name: 'good-workers', types: ['user.signed_up'], kinds: [], accept: () => [] })
  await admin.createTopic({ name: topic, partitions: PARTITIONS })
  await admin.createTopic({ name: deadLetterTopic(topic, bad.id), partitions: PARTITIONS })
  const publisher = createPublisher({ transport: producer, topic })
  const outcomes = async (group: string) => {
    const rows = await database.sql.query<{ outcome: string; count: number }>(
      'SELECT outcome, count(*)::int AS count FROM worker.outcomes WHERE group_name = $1 GROUP BY 1',
      [group],
    )
    return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]))
  }
  try {
    await Promise.all([bad.worker.start(), good.worker.start()])
    await publisher.publishMany(
      Array.from({ length: EVENTS }, () => ({
        type: 'user.signed_up' as const,
        accountId: randomUUID(),
        campaignId: randomUUID(),
        userId: randomUUID(),
        email: 'guest@example.com',
      })),
    )
    await eventually('the other group has all', async () => {
      const seen = await outcomes(good.id)
      return seen['no-effect'] === EVENTS || JSON.stringify(seen)
    })
    await eventually('the group pauses', () => bad.worker.status().state === 'waiting' || bad.worker.status().state)
    await eventually(
      'five are given up',
      async () => (await outcomes(bad.id))['dead-letter'] === 5 || JSON.stringify(await outcomes(bad.id)),
    )
    expect(bad.worker.status().reason).toMatch(
      /^5 events failed within 60 s with the same error .*TypeError at src.*deploy a fixed or the previous version and restart/,
    )
    expect(good.worker.status().state).toBe('running')
    const committed = await admin.committed(bad.id, topic)
    expect([...committed.values()].reduce((sum, offset) => sum + offset, 0n)).toBeLessThanOrEqual(5n)
    const letters = await admin.ranges(deadLetterTopic(topic, bad.id))
    expect([...letters.values()].reduce((sum, { low, high }) => sum + high - low, 0n)).toBe(5n)

    isBad = false
    await eventually(
      'the rest is accepted',
      async () => (await outcomes(bad.id))['no-effect'] === EVENTS - 5 || JSON.stringify(await outcomes(bad.id)),
    )
    expect(await outcomes(bad.id)).toEqual({ 'dead-letter': 5, 'no-effect': EVENTS - 5 })
    expect(bad.worker.status().state).toBe('running')
    expect(facts.filter(({ is }) => is === 'paused' || is === 'unpaused').map(({ is }) => is)).toEqual(['paused', 'unpaused'])
  } finally {
    await Promise.all([bad, good].flatMap(({ worker, workers }) => [worker.stop(), workers.stop()]))
    await Promise.all([admin.disconnect(), deadLetters.disconnect(), producer.disconnect()])
    await database.close()
  }
})
