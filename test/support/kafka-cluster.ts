import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import type { KafkaSettings } from '../../src/infra/kafka/client/kafka-client.ts'
import { startKafka } from '../../stack/kafka-broker.ts'
import type { KafkaServer } from '../../stack/kafka-broker.ts'
import { eventually } from './eventually.ts'

/** What an operator sees of a cluster. */
export interface ClusterView extends AsyncDisposable {
  /** The brokers that lead the partitions of a topic, by partition. */
  leaders(topic: string): Promise<ReadonlyMap<number, number>>
  /** The broker that keeps the members and offsets of a group that has existed. */
  coordinator(group: string): Promise<number>
}

/** Three brokers, their ids 1, 2 and 3, and what an operator sees and moves there. */
export interface KafkaCluster extends ClusterView {
  readonly kafka: KafkaServer
  readonly settings: KafkaSettings
  /** Gives a partition to another broker alone, which leads it when this resolves. */
  move(topic: string, partition: number, broker: number): Promise<void>
}

export async function startKafkaCluster(): Promise<KafkaCluster> {
  const kafka = await startKafka({ brokers: 3 })
  const settings = { brokers: [...kafka.bootstrap], clientId: 'cluster' }
  const { admin, end, ...view } = await look(settings)
  return {
    ...view,
    kafka,
    settings,
    move: async (topic, partition, broker) => {
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition, replicas: [broker] }] }] })
      await eventually(`broker ${broker} leads partition ${partition}`, async () => {
        const leader = (await view.leaders(topic)).get(partition)
        return leader === broker || `broker ${leader} leads it`
      })
    },
    [Symbol.asyncDispose]: async () => {
      end()
      await kafka.stop()
    },
  }
}

/** Looks at a cluster that somebody else has started. */
export async function viewCluster(brokers: readonly string[]): Promise<ClusterView> {
  const { leaders, coordinator, end } = await look({ brokers: [...brokers], clientId: 'cluster' })
  return { leaders, coordinator, [Symbol.asyncDispose]: async () => end() }
}

async function look(settings: KafkaSettings) {
  const client = createKafkaClient(settings, { retries: 10 })
  const admin = client.kafka.admin()
  await admin.connect()
  const leaders = async (topic: string) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return new Map(topics.flatMap(({ partitions }) => partitions.map(({ partitionId, leader }) => [partitionId, leader] as const)))
  }
  const coordinator = async (group: string) => {
    const offsets = await leaders('__consumer_offsets')
    return offsets.get(offsetsPartition(group, offsets.size)) ?? 0
  }
  return { admin, leaders, coordinator, end: () => client.destroyConnections() }
}

/** Where Kafka keeps a group: by Java's hash of its name, which is of plain letters. */
function offsetsPartition(group: string, partitions: number): number {
  const hash = Buffer.from(group, 'latin1').reduce((sum, letter) => (Math.imul(31, sum) + letter) | 0, 0)
  return (hash & 0x7fff_ffff) % partitions
}
