import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { createOutboxSender } from '../../src/infra/kafka/producer/kafka-outbox-sender.ts'
import { createOutboxRelay, type OutboxRelay } from '../../src/outbox/outbox-relay.ts'
import { openOutboxSession } from '../../src/outbox/postgres-outbox-session.ts'
import type { Fact } from '../../src/model/fact.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import { every } from '../../src/daemon/periodic-tasks.ts'
import type { Database } from '../../src/std/sql.ts'
import { readTopic } from './faults/read-topic.ts'

/** A relay as the daemon runs it, in this process. */
export interface RunningRelay extends AsyncDisposable {
  readonly relay: OutboxRelay
  readonly facts: readonly Fact[]
}

export async function startRelay(database: Database, brokers: readonly string[], pollMs = 50): Promise<RunningRelay> {
  const facts: Fact[] = []
  const sender = createOutboxSender({ brokers, clientId: 'relay' })
  const relay = createOutboxRelay({ openSession: () => openOutboxSession(database), sender, clock, observe: (fact) => facts.push(fact) })
  const stopping = new AbortController()
  // A turn that fails is repeated, as in the daemon.
  const turns = every(pollMs, () => relay.turn(), { clock, signal: stopping.signal, failed: () => undefined })
  return {
    relay,
    facts,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await Promise.all([turns, relay.stop()])
      await sender.disconnect()
    },
  }
}

/** A record of a topic. */
export interface ReadRecord {
  readonly partition: number
  readonly key: string
  readonly eventId: string
  readonly value: string
}

/** All records of a topic, per partition in the order of the log. */
export async function recordsOf(brokers: readonly string[], topic: string): Promise<readonly ReadRecord[]> {
  const records: ReadRecord[] = []
  await readTopic(brokers, topic, (partition, { key, value, headers }) => {
    records.push({ partition, key: String(key), eventId: String(headers?.['event-id']), value: String(value) })
  })
  return records
}

/** Creates topics on these brokers, with the given settings. */
export async function createTopics(
  brokers: readonly string[],
  topics: readonly Parameters<ReturnType<typeof createKafkaAdmin>['createTopic']>[0][],
): Promise<void> {
  const admin = createKafkaAdmin({ brokers, clientId: 'test' })
  await admin.connect()
  try {
    for (const topic of topics) await admin.createTopic(topic)
  } finally {
    await admin.disconnect()
  }
}
