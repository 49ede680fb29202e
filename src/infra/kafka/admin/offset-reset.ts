import type { Kafka } from 'kafkajs'

/**
 * Moves the committed offsets of a group without members in the way of kafkajs's own `setOffsets`, which sleeps for five seconds in its first
 * fetch: a member joins, seeks with automatic commits on, which commits the offsets, and leaves after its first fetch.
 */
export async function resetOffsets(kafka: Kafka, group: string, topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void> {
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 50, allowAutoTopicCreation: false })
  const fetched = Promise.withResolvers<void>()
  consumer.on('consumer.fetch', () => fetched.resolve())
  consumer.on('consumer.crash', ({ payload }) => fetched.reject(payload.error))
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const running = consumer.run({ eachBatchAutoResolve: false, eachBatch: () => Promise.resolve() })
    consumer.pause([{ topic }])
    for (const [partition, offset] of offsets) consumer.seek({ topic, partition, offset: String(offset) })
    await Promise.all([running, fetched.promise])
  } finally {
    await consumer.disconnect()
  }
}
