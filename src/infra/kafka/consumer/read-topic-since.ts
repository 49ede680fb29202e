import { randomUUID } from 'node:crypto'
import type { LogAdmin } from '../../../ingest/log-admin.ts'
import type { LogRecord } from '../../../ingest/record-source.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { createKafkaSource } from './kafka-source.ts'

/**
 * Reads a topic from a time to its end at the moment of the call, in the order of each partition, and commits nothing. The group that it reads
 * as is named `<group>-<uuid>` and gone afterwards.
 *
 * @param from `admin`, connected, finds the offsets of the time
 * @returns the number of records
 * @throws {OperatorError} the topic cannot be read; and whatever `onRecord` throws
 */
export async function readTopicSince(
  from: {
    readonly settings: KafkaSettings
    readonly admin: LogAdmin
    readonly group: string
    readonly topic: string
    readonly since: Date
    readonly maxEventBytes: number
  },
  onRecord: (partition: number, record: LogRecord) => void | Promise<void>,
): Promise<number> {
  const { settings, admin, group, topic, since, maxEventBytes } = from
  const [starts, ranges] = [await admin.offsetsAt(topic, since), await admin.ranges(topic)]
  const left = new Map(
    [...ranges].flatMap(([partition, { high }]) => ((starts.get(partition) ?? high) < high ? [[partition, high] as const] : [])),
  )
  if (left.size === 0) return 0
  let count = 0
  const done = Promise.withResolvers<void>()
  // It may fail before it is awaited.
  done.promise.catch(() => undefined)
  /** Where each partition continues after a join. */
  const at = new Map(starts)
  const passed = (partition: number, next: bigint) => {
    at.set(partition, next)
    if (next >= (left.get(partition) ?? 0n)) left.delete(partition)
    if (left.size === 0) done.resolve()
  }
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
    await source.start({
      assigned: async () => new Map([...left.keys()].map((partition) => [partition, at.get(partition) ?? 0n])),
      batch: async ({ partition, records, nextOffset }) => {
        const end = left.get(partition) ?? 0n
        try {
          for (const record of records) {
            if (record.offset >= end) break
            await onRecord(partition, record)
            count += 1
          }
        } catch (error) {
          // A handler that throws would get the records again.
          done.reject(error)
        }
        passed(partition, nextOffset)
        return nextOffset
      },
      report(report) {
        if (report.is === 'passed') passed(report.partition, report.next)
      },
    })
    await Promise.race([done.promise, source.ended])
  } finally {
    await source.stop()
  }
  return count
}
