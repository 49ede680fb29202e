import type { Batch, KafkaMessage } from 'kafkajs'
import { slicesOf } from '../../src/infra/kafka/records/partition-batch.ts'

/** The messages of a batch of kafkajs, which our patches leave packed, for consumers that are not ours. */
export async function unpacked(batch: Batch): Promise<KafkaMessage[]> {
  const messages: KafkaMessage[] = []
  for await (const { records } of slicesOf(batch, 64_000_000)) {
    for (const { offset, timestamp, key, value, headers } of records) {
      const sent = Object.fromEntries(
        Object.entries(headers).map(([name, bytes]) => [name, Buffer.isBuffer(bytes) || bytes === undefined ? bytes : [...bytes]]),
      )
      messages.push({ offset: String(offset), timestamp: String(timestamp), key, value, headers: sent, attributes: 0 })
    }
  }
  return messages
}
