import { randomUUID } from 'node:crypto'
import { LogAccessRefused } from '../../../ingest/log-admin.ts'
import type { RangeReader } from '../../../ingest/replay-reading.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { createKafkaSource } from './kafka-source.ts'

/**
 * Reads ranges of a topic and commits nothing. The group that it reads as is named `<group>-<uuid>`, has one member, and is gone
 * afterwards. Rejects when the brokers deny access, and with whatever `onBatch` throws.
 */
export function rangeReader(settings: KafkaSettings): RangeReader {
  return async ({ group, topic, ranges, maxEventBytes }, onBatch, signal) => {
    /** Where each partition continues after a join, of those that are not read to their end. */
    const left = new Map([...ranges].filter(([, { from, to }]) => from < to).map(([partition, { from }]) => [partition, from]))
    if (left.size === 0 || signal.aborted) return
    const done = Promise.withResolvers<void>()
    const stop = () => done.resolve()
    signal.addEventListener('abort', stop, { once: true })
    const moved = (partition: number, next: bigint) => {
      if (next >= (ranges.get(partition)?.to ?? 0n)) left.delete(partition)
      else left.set(partition, next)
      if (left.size === 0) done.resolve()
    }
    // It may fail before it is awaited.
    done.promise.catch(() => undefined)
    const source = createKafkaSource({
      settings,
      groupId: `${group}-${randomUUID()}`,
      topic,
      sessionTimeoutMs: 30_000,
      heartbeatIntervalMs: 3_000,
      maxEventBytes,
      crashLimit: 5,
    })
    try {
      await Promise.race([
        source.start({
          assigned: () => Promise.resolve(new Map(left)),
          batch: async (batch) => {
            if (!left.has(batch.partition)) return batch.nextOffset
            try {
              const next = await onBatch(batch)
              moved(batch.partition, next)
              return next
            } catch (error) {
              // A handler that throws would get the records again.
              done.reject(error)
              return batch.nextOffset
            }
          },
          report(report) {
            // A live group keeps trying; here an operator waits for the sentence.
            if (report.is === 'crashed' && report.error instanceof LogAccessRefused) done.reject(report.error)
            if (report.is === 'passed' && left.has(report.partition)) moved(report.partition, report.next)
          },
        }),
        done.promise,
      ])
      await Promise.race([done.promise, source.ended])
    } finally {
      signal.removeEventListener('abort', stop)
      await source.stop()
    }
  }
}
