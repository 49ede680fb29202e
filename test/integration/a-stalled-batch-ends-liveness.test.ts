import { expect, inject, test } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { composeGroup } from '../../src/daemon/compose/groups.ts'
import type { Channels } from '../../src/delivery/define-channel.ts'
import { Destinations } from '../../src/delivery/destinations.ts'
import { createPublisher } from '../../src/events/publisher.ts'
import { createHealth } from '../../src/daemon/health.ts'
import { startHealthServer } from '../../src/infra/http/health-server.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import { createStallDetector } from '../../src/std/stall-detector.ts'
import { watchedTasks } from '../../src/daemon/watchdog.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import { eventually } from '../support/eventually.ts'
import { freshGroupName, freshTopicName } from '../support/fresh.ts'
import { MemoryAcceptStore } from '../support/memory-accept-store.ts'
import { MemoryIntentStore } from '../support/memory-intent-store.ts'

const consumer: Consumer = { name: 'stall-workers', types: ['user.signed_up'], accept: () => [], kinds: [] }

/** A group on the real log whose store answers when the test says so, and what liveness says of it. */
async function sceneOf() {
  const topic = freshTopicName()
  const kafka = { brokers: inject('kafkaBootstrap'), clientId: 'integration' }
  const config = loadConfig(
    {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_TOPIC: topic,
      KAFKA_GROUP_PREFIX: `${freshGroupName('stall')}.`,
      DATABASE_URL: 'postgresql://db.example.com/platform',
      LIVENESS_STALL_MS: '1000',
    },
    { groups: [consumer.name], mailGroups: [] },
  )
  const admin = createKafkaAdmin(kafka)
  await admin.connect()
  await admin.createTopic({ name: topic, partitions: 1 })
  const store = new MemoryAcceptStore()
  const group = composeGroup(consumer, {
    config,
    kafka,
    admin,
    deadLetters: { publish: async () => undefined },
    acceptStore: store,
    intentStore: new MemoryIntentStore(),
    // No intent is ever written.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    channels: {} as Channels,
    destinations: new Destinations(() => undefined, { channels: channelList }),
    clock,
    observe: () => undefined,
    owner: 'integration',
  })
  const watch = createStallDetector({ clock, graceMs: config.process.livenessStallMs })
  const statement = { longestStatementMs: 500 }
  const signs = () =>
    watchedTasks({
      config,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
      channels: {} as Channels,
      pools: { accept: statement, delivery: statement, watch: statement, metrics: statement },
      groups: [group],
      tasks: [],
      databaseOutage: null,
    })
  const health = createHealth({
    facts: () => ({
      phase: 'running',
      quiet: false,
      databaseOutage: null,
      databaseFault: null,
      groups: new Map([[group.id, group.worker.status()]]),
      stalls: watch.check(signs()),
      notes: {},
    }),
    now: () => clock.now(),
  })
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    ...health,
    status: async () => ({}),
    metrics: async () => '',
  })
  const producer = createEventProducer(kafka)
  await producer.connect()
  return {
    group,
    store,
    admin,
    signUp: () =>
      createPublisher({ transport: producer, topic }).publishUserSignedUp({
        accountId: '7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11',
        campaignId: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
        userId: 'b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55',
        email: 'guest@example.com',
      }),
    live: async () => {
      const response = await fetch(`${server.url}/livez`)
      return { status: response.status, body: await response.text() }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([group.worker.stop(), group.workers.stop()])
      await Promise.all([server.close(), producer.disconnect(), admin.disconnect()])
    },
  }
}

test('an accept that never returns: /livez names group and partition, the member keeps its place, and an answer after all makes it alive', async () => {
  await using scene = await sceneOf()
  const { group, store, admin, live } = scene
  group.workers.start()
  await group.worker.start()
  const answer = Promise.withResolvers<void>()
  store.gate = answer.promise
  await scene.signUp()
  await eventually('the store is asked', () => store.tried.length > 0 || 'not yet')
  expect((await live()).status).toBe(200)
  await eventually('it is not alive, and says why', async () => {
    const { status, body } = await live()
    return (status === 503 && body.includes('without a known reason: batch of partition 0')) || body
  })
  expect(JSON.parse((await live()).body)).toEqual({
    ok: false,
    checks: {
      process: { ok: true },
      [group.id]: {
        ok: false,
        reason: 'stalled',
        message: expect.stringMatching(/^No progress for \d+ s \(limit 2 s\) without a known reason: batch of partition 0\. Restart the process\.$/),
        since: expect.stringMatching(/^2\d{3}-/),
      },
    },
  }) // prettier-ignore
  expect((await admin.groupState(group.id)).members).toBe(1)

  answer.resolve()
  await eventually('it is alive again', async () => (await live()).status === 200 || 'not yet')
  expect(store.rows.get(0)?.next).toBe(1n)
})

test('a store that refuses for a cause that is told: the batch waits, and that is no stall', async () => {
  await using scene = await sceneOf()
  const { group, store, live } = scene
  await group.worker.start()
  let refusals = 0
  const refusal = new Error('the dead-letter topic has no leader')
  store.refuses = () => {
    refusals++
    return refusal
  }
  await scene.signUp()
  // The tries are less than two seconds apart by then, and the batch is older than what a stall needs.
  await eventually('it has waited for longer than a stall may last', async () => {
    expect((await live()).status).toBe(200)
    const [batch] = group.source.batchesInFlight()
    return (refusals > 3 && batch !== undefined && Date.now() - batch.since > 2_500 && batch.waitsFor !== null) || JSON.stringify(batch)
  })
  store.refuses = () => null
  await eventually('the event is accepted', () => store.rows.get(0)?.next === 1n || 'not yet')
})
