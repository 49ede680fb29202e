import type { RecordHead } from '../../../admin/lag/lag-ports.ts'
import { header, headerTexts, typeInHeaders } from '../../../events/header.ts'
import type { LogRecord } from '../../../ingest/record-source.ts'
import { unlessAddress } from '../../../std/masked-address.ts'
import type { Cluster } from '../patches/private-cluster.ts'
import { PackedBatch } from '../records/packed-batch.ts'
import { slicesOf, type FetchedBatch } from '../records/partition-batch.ts'

/** A broker returns a whole batch even if it exceeds this. */
const MAX_BYTES = 65_536
const MAX_WAIT_MS = 100
/** The value is not used; beyond this it is not kept while a batch is decompressed. */
const MAX_VALUE_BYTES = 65_536
const CONSUMER_REPLICA = -1
const READ_COMMITTED = 1
const CLOUD_EVENTS_ID = 'ce_id'

/**
 * The first record at or after each offset of a topic, one request per leader; partitions without a leader, and those whose next batch holds
 * no record for an application, are missing. Throws what kafkajs throws.
 */
export async function readHeads(
  cluster: Cluster,
  topic: string,
  offsets: ReadonlyMap<number, bigint>,
): Promise<ReadonlyMap<number, RecordHead>> {
  const heads = new Map<number, RecordHead>()
  if (offsets.size === 0) return heads
  await cluster.connect()
  await cluster.addTargetTopic(topic)
  for (const [nodeId, partitions] of Object.entries(cluster.findLeaderForPartitions(topic, [...offsets.keys()]))) {
    const broker = await cluster.findBroker({ nodeId })
    const { responses } = await broker.fetch({
      replicaId: CONSUMER_REPLICA,
      isolationLevel: READ_COMMITTED,
      maxWaitTime: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: MAX_BYTES * partitions.length,
      topics: [
        {
          topic,
          partitions: partitions.map((partition) => ({
            partition,
            fetchOffset: String(offsets.get(partition)),
            maxBytes: MAX_BYTES,
          })),
        },
      ],
    })
    for (const { partition, messages } of responses.flatMap((response) => response.partitions)) {
      const record = await firstOf(messages, String(offsets.get(partition)))
      if (record !== null) heads.set(partition, headOf(record))
    }
  }
  return heads
}

async function firstOf(messages: FetchedBatch['messages'], fetchedOffset: string): Promise<LogRecord | null> {
  const forReaders = messages.filter((message) => !(message instanceof PackedBatch && message.isControlRecord))
  const batch = { messages: forReaders, lastOffset: () => fetchedOffset, fetchedOffset }
  for await (const { records } of slicesOf(batch, MAX_VALUE_BYTES)) if (records[0] !== undefined) return records[0]
  return null
}

function headOf(record: LogRecord): RecordHead {
  const id = headerTexts(record, header.id, false)[0] ?? headerTexts(record, CLOUD_EVENTS_ID, false)[0] ?? null
  const type = typeInHeaders(record)
  return { offset: record.offset, timestamp: record.timestamp, type: type && unlessAddress(type), eventId: id && unlessAddress(id) }
}
