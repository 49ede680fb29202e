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
  const { admin, topic, since } = from
  const [starts, ranges] = [await admin.offsetsAt(topic, since), await admin.ranges(topic)]
  const wanted = [...ranges].map(([partition, { high }]) => [partition, { from: starts.get(partition) ?? high, to: high }] as const)
  return readTopicRanges(from, new Map(wanted), async (partition, record) => {
    await onRecord(partition, record)
    return 'go on'
  })
}

/** What reads a topic, and as which group. */
export interface TopicReader {
  readonly settings: KafkaSettings
  readonly group: string
  readonly topic: string
  readonly maxEventBytes: number
}

/**
 * Reads offsets of partitions, from one up to but without another, and commits nothing; ends early when `onRecord` has had enough. The offsets
 * must be in the log, or empty. The group that it reads as is named `<group>-<uuid>` and gone afterwards.
 *
 * @returns the number of records
 * @throws {OperatorError} the topic cannot be read; and whatever `onRecord` throws
 */
export async function readTopicRanges(
  { settings, group, topic, maxEventBytes }: TopicReader,
  wanted: ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>,
  onRecord: (partition: number, record: LogRecord) => Promise<'go on' | 'enough'>,
): Promise<number> {
  const some = [...wanted].filter(([, { from, to }]) => from < to)
  const left = new Map(some.map(([partition, { to }]) => [partition, to]))
  if (left.size === 0) return 0
  let count = 0
  const done = Promise.withResolvers<void>()
  // It may fail before it is awaited.
  done.promise.catch(() => undefined)
  /** Where each partition continues after a join. */
  const at = new Map(some.map(([partition, { from }]) => [partition, from]))
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
            count += 1
            if ((await onRecord(partition, record)) === 'enough') done.resolve()
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
