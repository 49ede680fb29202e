import { createRequire } from 'node:module'
import type Decoder from 'kafkajs/src/protocol/decoder.js'
import { readBatches } from '../records/packed-batch.ts'

const require = createRequire(import.meta.url)
const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js')

/** The function as kafkajs ships it; a test compares its text, so that a new version is looked at before it is guarded. */
export const unguardedDecode: (decoder: Decoder) => Promise<unknown[]> = require(path)

/** Where the magic byte of a record set stands, and that of Kafka 0.11 and later. */
const MAGIC_OFFSET = 16
const MAGIC = 2

/**
 * Leaves record sets packed until their partition's turn comes. kafkajs 2.2.4 unpacks and reads every record of a fetch before anybody sees
 * the first one: the limits of a fetch count compressed bytes, and what they hold may be a thousand times as large. kafkajs loads the readers
 * of fetch replies with the first fetch, so that what stands in Node's module cache by then is what they use.
 */
export function patchRecordSets(): void {
  const module = require.cache[path]
  if (module !== undefined) module.exports = decodeRecordSet
}

async function decodeRecordSet(decoder: Decoder): Promise<readonly unknown[]> {
  const start = decoder.offset
  const size = decoder.readInt32()
  if (size <= MAGIC_OFFSET || !decoder.canReadBytes(size)) return []
  if (decoder.buffer.readInt8(decoder.offset + MAGIC_OFFSET) === MAGIC) return readBatches(decoder, size)
  // Written before Kafka 0.11: as kafkajs does it.
  decoder.offset = start
  return unguardedDecode(decoder)
}
