import type { KafkaMessage } from 'kafkajs'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import '../../../src/infra/kafka/patches/for-readers.ts'
import { freshGroupName } from '../fresh.ts'
import { unpacked } from '../unpacked.ts'

/**
 * Reads a topic from its beginning to its end at the time of the call, with a consumer that commits nothing. Per partition in the
 * order of the log. Control records are left out by the client, tombstones are not.
 *
 * @throws after three minutes without the end of the log
 */
export async function readTopic(
  brokers: readonly string[],
  topic: string,
  onRecord: (partition: number, message: KafkaMessage) => void,
): Promise<void> {
  const { kafka } = createKafkaClient({ brokers, clientId: 'harness' }, { retries: 5 })
  const left = await endsOf(kafka, topic)
  if (left.size === 0) return
  const consumer = kafka.consumer({ groupId: freshGroupName('harness'), minBytes: 1, maxWaitTimeInMs: 100 })
  const done = Promise.withResolvers<void>()
  const deadline = setTimeout(
    () => done.reject(new Error(`The end of ${topic} was not reached within three minutes: ${[...left.keys()].join(', ')}`)),
    180_000,
  )
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatchAutoResolve: false,
      eachBatch: async (given) => {
        const { batch } = given
        const end = left.get(batch.partition)
        for (const message of await unpacked(batch)) {
          if (end !== undefined && BigInt(message.offset) < end) onRecord(batch.partition, message)
        }
        given.resolveOffset(batch.lastOffset())
        if (end !== undefined && BigInt(batch.lastOffset()) + 1n >= end) left.delete(batch.partition)
        if (left.size === 0) done.resolve()
        await given.heartbeat()
      },
    })
    await done.promise
  } finally {
    clearTimeout(deadline)
    await consumer.disconnect()
  }
}

/** Of the partitions that hold anything: the offset after their last record. */
async function endsOf(kafka: ReturnType<typeof createKafkaClient>['kafka'], topic: string): Promise<Map<number, bigint>> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const offsets = await admin.fetchTopicOffsets(topic)
    return new Map(offsets.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]))
  } finally {
    await admin.disconnect()
  }
}
