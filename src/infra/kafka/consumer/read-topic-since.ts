import type { LogAdmin } from '../../../ingest/log-admin.ts'
import type { LogRecord } from '../../../ingest/record-source.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { rangeReader } from './read-range.ts'

/** What reads a topic, and as which group. */
export interface TopicReader {
  readonly settings: KafkaSettings
  readonly group: string
  readonly topic: string
  readonly maxEventBytes: number
}

/**
 * Reads a topic from a time to its end at the moment of the call, in the order of each partition, and commits nothing. The group that it reads
 * as is named `<group>-<uuid>` and gone afterwards.
 *
 * @param from `admin`, connected, finds the offsets of the time
 * @returns the number of records
 * @throws {OperatorError} the topic cannot be read; and whatever `onRecord` throws
 */
export async function readTopicSince(
  from: TopicReader & { readonly admin: LogAdmin; readonly since: Date },
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

/**
 * Reads offsets of partitions, from one up to but without another, and commits nothing; ends early when `onRecord` has had enough. The offsets
 * must be in the log, or empty. The group that it reads as is named `<group>-<uuid>` and gone afterwards.
 *
 * @returns the number of records
 * @throws {OperatorError} the topic cannot be read; and whatever `onRecord` throws
 */
export async function readTopicRanges(
  { settings, group, topic, maxEventBytes }: TopicReader,
  ranges: ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>,
  onRecord: (partition: number, record: LogRecord) => Promise<'go on' | 'enough'>,
): Promise<number> {
  const enough = new AbortController()
  let count = 0
  await rangeReader(settings)(
    { group, topic, ranges, maxEventBytes },
    async ({ partition, records, nextOffset }) => {
      const end = ranges.get(partition)?.to ?? 0n
      for (const record of records) {
        if (record.offset >= end) break
        count += 1
        if ((await onRecord(partition, record)) === 'enough') enough.abort()
      }
      return nextOffset
    },
    enough.signal,
  )
  return count
}
