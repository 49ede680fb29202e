import { createRequire } from 'node:module'
import type Decoder from 'kafkajs/src/protocol/decoder.js'
import { readBatches } from '../records/packed-batch.ts'

const require = createRequire(import.meta.url)
const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js')

/** The function as kafkajs ships it; a test compares its text, so that a new version is reviewed before it is patched. */
export const unpatchedDecode: (decoder: Decoder) => Promise<unknown[]> = require(path)

/** The position of the magic byte of a record set, and its value since Kafka 0.11. */
const MAGIC_OFFSET = 16
const MAGIC = 2

/**
 * Keeps record sets compressed until their partition's turn. kafkajs 2.2.4 decompresses and reads every record of a fetch before it delivers
 * the first one. Fetch limits count compressed bytes, and the records may be a thousand times as large. kafkajs loads its decoders of fetch
 * responses at the first fetch, and takes this function from Node's module cache then.
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
  // Written before Kafka 0.11: left to kafkajs.
  decoder.offset = start
  return unpatchedDecode(decoder)
}
