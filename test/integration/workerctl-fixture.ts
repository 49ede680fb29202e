import { expect, inject, vi } from 'vitest'
import { run } from '../../cmd/workerctl/run.ts'
import type { GroupReader } from '../../src/admin/lag/lag-ports.ts'
import type { TopicAdmin } from '../../src/admin/topics/topic-admin.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import { createKafkaSource } from '../../src/infra/kafka/consumer/kafka-source.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { freshGroupName, freshTopicName } from '../support/fresh.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What is typed at the prompt; a function also does what happens meanwhile. */
export type Answer = string | (() => Promise<string>)

export interface WorkerctlFixture extends AsyncDisposable {
  readonly topic: string
  /** The id of email-workers, with the prefix of this fixture. */
  readonly group: string
  readonly prefix: string
  readonly admin: LogAdmin & TopicAdmin & GroupReader
  readonly database: MigratedDatabase
  readonly environment: Readonly<Record<string, string>>
  /** Runs the program in this process; `answer` sits at its terminal. */
  workerctl(args: readonly string[], options?: { environment?: Record<string, string>; answer?: Answer }): Promise<Ran>
  /** Runs `offsets reset` of the group; its object when it ends well. */
  reset(...args: string[]): Promise<{ moves: Record<string, unknown>[] } & Record<string, unknown>>
  produce(partition: number, count: number, timestamp?: Date, headers?: Readonly<Record<string, string>>): Promise<void>
  deleteRecords(partition: number, before: number): Promise<void>
  recreateTopic(partitions: number): Promise<void>
  /** Writes rows for partitions 0, 1, ... and commits the same offsets. */
  progress(next: readonly number[], options?: { exemptBelow?: number; commit?: boolean }): Promise<void>
  /** Rows as `partition:next:exemptBelow`. */
  rows(): Promise<string[]>
  /** Committed offsets as `partition:offset`. */
  committed(): Promise<string[]>
  /** Joins the group, or the one of this id, with a real member; returns how it leaves. */
  join(id?: string): Promise<() => Promise<void>>
}

/** A migrated database, a topic and a prefix of one's own. */
export async function createWorkerctlFixture({ partitions = 1 } = {}): Promise<WorkerctlFixture> {
  const topic = freshTopicName()
  const prefix = `${freshGroupName('stage')}.`
  const group = `${prefix}email-workers`
  const brokers = inject('kafkaBootstrap')
  const settings = { brokers, clientId: 'integration' }
  const admin = createKafkaAdmin(settings)
  const { kafka, destroyConnections: cut } = createKafkaClient(settings, { retries: 5 })
  const producer = kafka.producer({ idempotent: false })
  const client = kafka.admin()
  const database = await migratedDatabase()
  await Promise.all([producer.connect(), client.connect()])
  if (partitions > 0) await admin.createTopic({ name: topic, partitions })
  const environment = { KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC: topic, KAFKA_GROUP_PREFIX: prefix, DATABASE_URL: database.url }
  const leaving: (() => Promise<void>)[] = []

  async function workerctl(args: readonly string[], options: { environment?: Record<string, string>; answer?: Answer } = {}): Promise<Ran> {
    return runWorkerctl(args, { ...environment, ...options.environment }, options.answer)
  }

  return {
    topic,
    group,
    prefix,
    admin,
    database,
    environment,
    workerctl,
    reset: async (...args) => {
      const { code, out, err } = await workerctl(['offsets', 'reset', '--group', group, '--json', ...args])
      if (code !== 0) throw new Error(err)
      return JSON.parse(out)
    },
    produce: async (partition, count, timestamp, headers = {}) => {
      const stamp = timestamp === undefined ? {} : { timestamp: String(timestamp.getTime()) }
      const messages = Array.from({ length: count }, (_, index) => ({ partition, value: String(index), headers: { ...headers }, ...stamp }))
      await producer.send({ topic, messages })
    },
    deleteRecords: async (partition, before) => {
      // Only this makes kafkajs load where the topic's partitions are.
      await client.fetchTopicOffsets(topic)
      await client.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
    },
    recreateTopic: async (partitions) => {
      await client.deleteTopics({ topics: [topic] })
      // The broker says so a moment before the topic is gone.
      await vi.waitFor(
        () => client.createTopics({ topics: [{ topic, numPartitions: partitions }] }).then((made) => expect(made).toBe(true)),
        60_000,
      )
    },
    progress: async (next, { exemptBelow = 0, commit = true } = {}) => {
      for (const [partition, offset] of next.entries()) {
        await database.sql.query(
          `INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, $3, $4, $5)`,
          [group, topic, partition, offset, exemptBelow],
        )
      }
      if (commit) await admin.setCommitted(group, topic, new Map(next.map((offset, partition) => [partition, BigInt(offset)])))
    },
    rows: async () => {
      const rows = await database.sql.query<{ partition: number; next_offset: string; exempt_below: string }>(
        `SELECT partition, next_offset, exempt_below FROM worker.progress WHERE group_name = $1 AND topic = $2 ORDER BY partition`,
        [group, topic],
      )
      return rows.map((row) => `${row.partition}:${row.next_offset}:${row.exempt_below}`)
    },
    committed: async () =>
      [...(await admin.committed(group, topic))].sort(([a], [b]) => a - b).map(([partition, offset]) => `${partition}:${offset}`),
    join: async (id = group) => {
      const source = createKafkaSource({
        settings,
        groupId: id,
        topic,
        sessionTimeoutMs: 6_000,
        heartbeatIntervalMs: 500,
        crashLimit: 3,
      })
      leaving.push(() => source.stop())
      await source.start({
        assigned: () => Promise.resolve(new Map()),
        batch: ({ nextOffset }) => Promise.resolve(nextOffset),
        report: () => undefined,
      })
      return () => source.stop()
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(leaving.map((leave) => leave()))
      await Promise.allSettled([producer.disconnect(), client.disconnect(), admin.disconnect(), database.close()])
      cut()
    },
  }
}

export async function runWorkerctl(args: readonly string[], environment: Readonly<Record<string, string>>, answer?: Answer): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, {
    environment,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    isTerminal: false,
    columns: null,
    ask: answer === undefined ? null : async () => (typeof answer === 'string' ? answer : answer()),
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
