import kafkajs from 'kafkajs'
import type { CompressionTypes } from 'kafkajs'
import { inject } from 'vitest'
import type { TopicAdmin } from '../../../src/admin/topics/topic-admin.ts'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import type { KafkaSettings } from '../../../src/infra/kafka/client/kafka-client.ts'
import { createKafkaSource } from '../../../src/infra/kafka/consumer/kafka-source.ts'
import type { KafkaSourceOptions } from '../../../src/infra/kafka/consumer/kafka-source.ts'
import type { LogAdmin } from '../../../src/ingest/log-admin.ts'
import type { Assignment, PartitionBatch, RecordSource, SourceHandlers, SourceReport } from '../../../src/ingest/record-source.ts'
import { freshGroupName, freshTopicName } from '../../support/fresh.ts'

export function kafkaSettings(): KafkaSettings {
  return { brokers: inject('kafkaBootstrap'), clientId: 'contract' }
}

/** A member under test, with every call of its handlers and every report. */
export interface Member {
  readonly source: RecordSource
  readonly assignments: Assignment[]
  readonly batches: PartitionBatch[]
  readonly reports: SourceReport[]
  start(): Promise<void>
  /** Values handled so far, `partition:value`, in order. */
  values(): string[]
  reported<Is extends SourceReport['is']>(is: Is): Extract<SourceReport, { is: Is }>[]
}

export interface SourceFixture extends AsyncDisposable {
  readonly topic: string
  readonly group: string
  readonly admin: LogAdmin & TopicAdmin
  /** A member whose partitions start at 0 and whose batches are taken whole, where `handlers` says nothing else. */
  member(handlers?: Partial<SourceHandlers>, options?: Partial<KafkaSourceOptions>): Member
  produce(partition: number, values: readonly string[], options?: { compression?: CompressionTypes }): Promise<void>
  members(): Promise<number>
}

/** A topic and a group of one's own; stops all members at its end. `topic`: how the topic is made, beside its partitions. */
export async function createSourceFixture({
  partitions = 1,
  settings = kafkaSettings(),
  ...options
}: {
  partitions?: number
  settings?: KafkaSettings
  topic?: Pick<Parameters<LogAdmin['createTopic']>[0], 'replicationFactor' | 'config'>
} = {}): Promise<SourceFixture> {
  const topic = freshTopicName()
  const group = freshGroupName()
  const admin = createKafkaAdmin(settings)
  await admin.createTopic({ name: topic, partitions, ...options.topic })
  const { kafka, destroyConnections: cut } = createKafkaClient(settings, { retries: 5 })
  const producer = kafka.producer({ idempotent: false })
  await producer.connect()
  const sources: RecordSource[] = []
  return {
    topic,
    group,
    admin,
    member: (handlers, options) => {
      const member = createMember({ settings, groupId: group, topic, ...options }, handlers)
      sources.push(member.source)
      return member
    },
    produce: async (partition, values, { compression = kafkajs.CompressionTypes.None } = {}) => {
      await producer.send({ topic, compression, messages: values.map((value) => ({ partition, key: value, value })) })
    },
    members: async () => (await admin.groupState(group)).members,
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(sources.map((source) => source.stop()))
      await producer.disconnect()
      cut()
      await admin.disconnect()
    },
  }
}

function createMember(
  options: Pick<KafkaSourceOptions, 'settings' | 'groupId' | 'topic'> & Partial<KafkaSourceOptions>,
  handlers: Partial<SourceHandlers> = {},
) {
  const source = createKafkaSource({ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, crashLimit: 3, ...options })
  const assignments: Assignment[] = []
  const batches: PartitionBatch[] = []
  const reports: SourceReport[] = []
  return {
    source,
    assignments,
    batches,
    reports,
    start: () =>
      source.start({
        assigned: (assignment) => {
          assignments.push(assignment)
          return handlers.assigned?.(assignment) ?? Promise.resolve(startsAt(assignment, 0n))
        },
        batch: (batch) => {
          batches.push(batch)
          return handlers.batch?.(batch) ?? Promise.resolve(batch.nextOffset)
        },
        report: (report) => {
          reports.push(report)
          handlers.report?.(report)
        },
      }),
    values: () => batches.flatMap((batch) => valuesOf(batch).map((value) => `${batch.partition}:${value}`)),
    reported: <Is extends SourceReport['is']>(is: Is) =>
      reports.filter((report): report is Extract<SourceReport, { is: Is }> => report.is === is),
  } satisfies Member
}

export function startsAt(assignment: Assignment, offset: bigint): Map<number, bigint> {
  return new Map(assignment.partitions.map((partition) => [partition, offset]))
}

export function valuesOf(batch: PartitionBatch): string[] {
  return batch.records.map(({ value }) => String(value))
}
