import { createKafkaSource } from '../../../src/infra/kafka/consumer/kafka-source.ts'
import type { PartitionBatch, SourceReport } from '../../../src/ingest/record-source.ts'

/**
 * A separate process that reads a topic with three groups at once, up to the given number of records each, and prints what it read and its
 * peak resident memory. Nothing of a slice is kept after its handler has ended.
 */
const [broker = '', topic = '', groupPrefix = '', count = '0', maxEventBytes = '0'] = process.argv.slice(2)

async function readAs(groupId: string) {
  const seen = { whole: 0, omitted: 0, joins: 0, troubles: [] as string[] }
  const done = Promise.withResolvers<void>()
  const source = createKafkaSource({
    settings: { brokers: [broker], clientId: groupId },
    groupId,
    topic,
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 500,
    crashLimit: 3,
    maxEventBytes: Number(maxEventBytes),
  })
  await source.start({
    assigned: ({ partitions }) => Promise.resolve(new Map(partitions.map((partition) => [partition, 0n]))),
    async batch({ records, nextOffset }: PartitionBatch) {
      // As long as an accept: other partitions and groups come in meanwhile.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      for (const { value } of records) if (value === null) seen.omitted += 1
      seen.whole = seen.whole + records.length - records.filter(({ value }) => value === null).length
      if (seen.whole + seen.omitted >= Number(count)) done.resolve()
      return nextOffset
    },
    report(report: SourceReport) {
      if (report.is === 'joined') seen.joins += 1
      if (report.is === 'crashed' || report.is === 'handler-escaped') seen.troubles.push(report.error.message)
    },
  })
  await done.promise
  await source.stop()
  return seen
}

const groups = await Promise.all(['a', 'b', 'c'].map((name) => readAs(`${groupPrefix}-${name}`)))
process.stdout.write(JSON.stringify({ groups, megabytes: process.resourceUsage().maxRSS / 1024 }))
