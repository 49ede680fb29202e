import { createRequire } from 'node:module'
import Decoder from 'kafkajs/src/protocol/decoder.js'
import { guardRecords } from './record-guard.ts'

const require = createRequire(import.meta.url)
// Before the reader of batches is loaded, which comes with the next line.
guardRecords()
const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js')

/** The function as kafkajs ships it; a test compares its text, so that a new version is looked at before it is guarded. */
export const unguardedDecode: (decoder: Decoder) => Promise<unknown[]> = require(path)

const decodeRecordBatch: (
  decoder: Decoder,
) => Promise<{ readonly records: readonly unknown[] }> = require('kafkajs/src/protocol/recordBatch/v0/decoder.js')

/** Where the magic byte of a record set stands, and that of Kafka 0.11 and later. */
const MAGIC_OFFSET = 16
const MAGIC = 2
/** Fewer bytes are no record batch any more. */
const BATCH_OVERHEAD = 49

/**
 * Reads record sets of any size. kafkajs 2.2.4 gathers records by `records.push(...batch.records)`: one compressed batch of some 120,000
 * small ones overflows the stack, and the group's client dies of it again and again, because the batch stays where it is. kafkajs loads the
 * readers of fetch replies with the first fetch, so that what stands in Node's module cache by then is what they use.
 */
export function guardRecordSets(): void {
  const module = require.cache[path]
  if (module !== undefined) module.exports = decodeRecordSet
}

async function decodeRecordSet(decoder: Decoder): Promise<unknown[]> {
  const start = decoder.offset
  const size = decoder.readInt32()
  if (size <= 0 || !decoder.canReadBytes(size)) return []
  const bytes = decoder.readBytes(size)
  if (bytes.readInt8(MAGIC_OFFSET) !== MAGIC) {
    // Written before Kafka 0.11: as kafkajs does it.
    decoder.offset = start
    return unguardedDecode(decoder)
  }
  const batches = new Decoder(bytes)
  const records: unknown[] = []
  while (batches.canReadBytes(BATCH_OVERHEAD)) {
    try {
      for (const record of (await decodeRecordBatch(batches)).records) records.push(record)
    } catch (error) {
      // A fetch may end within a batch, which comes whole with the next one.
      if (error instanceof Error && error.name === 'KafkaJSPartialMessageError') break
      throw error
    }
  }
  return records
}
