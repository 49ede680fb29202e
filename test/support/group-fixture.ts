import { inject } from 'vitest'
import { loadConfig, type Config } from '../../config/load.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { composeGroup, type Group } from '../../src/daemon/compose/groups.ts'
import type { Channels } from '../../src/delivery/define-channel.ts'
import { Destinations } from '../../src/delivery/destinations.ts'
import { createPublisher, type Publisher } from '../../src/events/publisher.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { createDeadLetterSink } from '../../src/infra/kafka/producer/kafka-dead-letter-sink.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import type { AcceptStore } from '../../src/ingest/accept-store.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import type { Fact } from '../../src/model/fact.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import { freshGroupName, freshTopicName } from './fresh.ts'
import { MemoryIntentStore } from './memory-intent-store.ts'

export interface RunningGroup {
  readonly group: Group
  /** Stops it cleanly, as the end of the fixture does. */
  stop(): Promise<void>
}

export interface GroupFixture extends AsyncDisposable {
  readonly topic: string
  readonly config: Config
  readonly admin: LogAdmin
  readonly publisher: Publisher
  /** What the groups have reported. */
  readonly facts: readonly Fact[]
  /** Composes a group as the daemon does, and starts it. @throws when its start is refused */
  start(consumer: Consumer): Promise<RunningGroup>
}

/**
 * A topic and a group prefix of its own on the run's brokers, for groups that run in this process and write no intents. Five equal
 * failures within a minute pause a group, and it is probed every 200 ms.
 */
export async function groupFixture(options: {
  readonly acceptStore: AcceptStore
  readonly partitions: number
  /** More variables of the configuration. */
  readonly variables?: Readonly<Record<string, string>>
}): Promise<GroupFixture> {
  const { acceptStore, partitions } = options
  const topic = freshTopicName()
  const kafka = { brokers: inject('kafkaBootstrap'), clientId: 'integration' }
  const config = loadConfig(
    {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_TOPIC: topic,
      KAFKA_GROUP_PREFIX: `${freshGroupName('groups')}.`,
      DATABASE_URL: 'postgresql://db.example.com/platform',
      ...options.variables,
    },
    { groups: ['any-workers'], mailGroups: [] },
  )
  const admin = createKafkaAdmin(kafka)
  const deadLetters = createDeadLetterSink(kafka)
  const producer = createEventProducer(kafka)
  await Promise.all([admin.connect(), deadLetters.connect(), producer.connect()])
  await admin.createTopic({ name: topic, partitions })
  const facts: Fact[] = []
  const running: RunningGroup[] = []

  async function start(consumer: Consumer): Promise<RunningGroup> {
    await admin.createTopic({ name: deadLetterTopic(topic, config.kafka.groupPrefix + consumer.name), partitions })
    const group = composeGroup(consumer, {
      config,
      kafka,
      admin,
      deadLetters,
      acceptStore,
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
    const stop = async () => {
      await Promise.all([group.worker.stop(), group.workers.stop()])
    }
    const one = { group, stop }
    running.push(one)
    const refusal = await group.worker.start()
    if (refusal !== null) throw new Error(`The group ${group.id} did not start: ${JSON.stringify(refusal)}`)
    return one
  }

  return {
    topic,
    config,
    admin,
    publisher: createPublisher({ transport: producer, topic }),
    facts,
    start,
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((one) => one.stop()))
      await Promise.all([admin.disconnect(), deadLetters.disconnect(), producer.disconnect()])
    },
  }
}
