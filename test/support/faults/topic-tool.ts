import kafkajs from 'kafkajs'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import '../../../src/infra/kafka/patches/for-readers.ts'
import { eventually } from '../eventually.ts'

/** What an operator does to topics with Kafka's own tools, and the program never does. */
export interface TopicTool extends AsyncDisposable {
  /** Resolves when no broker knows it any more. */
  deleteTopic(name: string): Promise<void>
  /** The oldest record of the partition has this offset from then on. */
  deleteRecordsBelow(topic: string, partition: number, offset: bigint): Promise<void>
  /** What is appended from then on is stored in this codec, whatever producers send. */
  compress(topic: string, codec: Codec): Promise<void>
}

/** https://kafka.apache.org/documentation/#topicconfigs_compression.type */
export const codecs = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

export async function topicTool(brokers: readonly string[]): Promise<TopicTool> {
  const { kafka, destroyConnections: cut } = createKafkaClient({ brokers, clientId: 'tool' }, { retries: 5 })
  const admin = kafka.admin()
  await admin.connect()
  return {
    deleteTopic: async (name) => {
      await admin.deleteTopics({ topics: [name] })
      await eventually(`${name} is gone`, async () => !(await admin.listTopics()).includes(name) || 'it is still there')
    },
    deleteRecordsBelow: async (topic, partition, offset) => {
      // kafkajs deletes only of topics that its client has looked at before.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
    },
    compress: async (name, codec) => {
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries: [{ name: 'compression.type', value: codec }] }],
      })
    },
    [Symbol.asyncDispose]: async () => {
      await admin.disconnect()
      cut()
    },
  }
}
