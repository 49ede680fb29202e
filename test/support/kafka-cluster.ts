import { createKafkaClient } from '../../src/infra/kafka/client.ts'
import type { KafkaSettings } from '../../src/infra/kafka/client.ts'
import { startKafka } from '../../stack/kafka-broker.ts'
import type { KafkaServer } from '../../stack/kafka-broker.ts'
import { eventually } from './eventually.ts'

/** Three brokers, their ids 1, 2 and 3, and what an operator sees and moves there. */
export interface KafkaCluster extends AsyncDisposable {
  readonly kafka: KafkaServer
  readonly settings: KafkaSettings
  /** The brokers that lead the partitions of a topic, by partition. */
  leaders(topic: string): Promise<ReadonlyMap<number, number>>
  /** Gives a partition to another broker alone, which leads it when this resolves. */
  move(topic: string, partition: number, broker: number): Promise<void>
  /** The broker that keeps the members and offsets of a group that has existed. */
  coordinator(group: string): Promise<number>
}

export async function startKafkaCluster(): Promise<KafkaCluster> {
  const kafka = await startKafka({ brokers: 3 })
  const settings = { brokers: [...kafka.bootstrap], clientId: 'cluster' }
  const client = createKafkaClient(settings, { retries: 10 })
  const admin = client.kafka.admin()
  await admin.connect()
  const leaders = async (topic: string) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return new Map(topics.flatMap(({ partitions }) => partitions.map(({ partitionId, leader }) => [partitionId, leader] as const)))
  }
  return {
    kafka,
    settings,
    leaders,
    move: async (topic, partition, broker) => {
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition, replicas: [broker] }] }] })
      await eventually(`broker ${broker} leads partition ${partition}`, async () => {
        const leader = (await leaders(topic)).get(partition)
        return leader === broker || `broker ${leader} leads it`
      })
    },
    coordinator: async (group) => {
      const offsets = await leaders('__consumer_offsets')
      return offsets.get(offsetsPartition(group, offsets.size)) ?? 0
    },
    [Symbol.asyncDispose]: async () => {
      client.cut()
      await kafka.stop()
    },
  }
}

/** Where Kafka keeps a group: by Java's hash of its name, which is of plain letters. */
function offsetsPartition(group: string, partitions: number): number {
  const hash = Buffer.from(group, 'latin1').reduce((sum, letter) => (Math.imul(31, sum) + letter) | 0, 0)
  return (hash & 0x7fff_ffff) % partitions
}
