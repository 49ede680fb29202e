import { createRequire } from 'node:module'
import type Decoder from 'kafkajs/src/protocol/decoder.js'

const require = createRequire(import.meta.url)
const path = require.resolve('kafkajs/src/protocol/recordBatch/record/v0/decoder.js')

/** The function as kafkajs ships it; a test compares its text, so that a new version is looked at before it is guarded. */
export const unguardedDecodeRecord: (decoder: Decoder, context: BatchContext) => unknown = require(path)

interface BatchContext {
  readonly firstOffset: string
  readonly firstTimestamp: string
  readonly maxTimestamp: string
  readonly timestampType: number
  readonly magicByte: number
  readonly isControlBatch: boolean
}

const LOG_APPEND_TIME = 1

/**
 * Reads records whatever their headers are called and however many there are. kafkajs 2.2.4 looks each name up in a plain object, so that
 * a header `constructor` comes with the function of that name as its first value, which nothing can send on as a dead letter; and it copies
 * the object for each header, which takes minutes for the 100,000 that fit into one record. To be called before kafkajs loads what reads
 * batches, which keeps the function that it finds.
 */
export function guardRecords(): void {
  const module = require.cache[path]
  if (module !== undefined) module.exports = decodeRecord
}

function decodeRecord(decoder: Decoder, context: BatchContext): unknown {
  const attributes = decoder.readInt8()
  const sinceFirst = decoder.readVarLong().value
  const offset = String(BigInt(context.firstOffset) + BigInt(decoder.readVarInt()))
  return {
    magicByte: context.magicByte,
    attributes,
    timestamp: context.timestampType === LOG_APPEND_TIME ? context.maxTimestamp : String(BigInt(context.firstTimestamp) + sinceFirst),
    offset,
    key: decoder.readVarIntBytes(),
    value: decoder.readVarIntBytes(),
    headers: readHeaders(decoder),
    isControlRecord: context.isControlBatch,
    batchContext: context,
  }
}

/** A name that is given more than once has a list, in order. */
function readHeaders(decoder: Decoder): Record<string, HeaderBytes | HeaderBytes[]> {
  const headers = new Map<string, HeaderBytes | HeaderBytes[]>()
  for (let left = decoder.readVarInt(); left > 0; left--) {
    const name = decoder.readVarIntString() ?? ''
    const value = decoder.readVarIntBytes()
    const before = headers.get(name)
    if (before === undefined) headers.set(name, value)
    else if (Array.isArray(before)) before.push(value)
    else headers.set(name, [before, value])
  }
  // Defines each name, also those with a meaning of their own (`__proto__`).
  return Object.fromEntries(headers)
}

type HeaderBytes = Buffer | null
