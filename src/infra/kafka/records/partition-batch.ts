import type { Batch, IHeaders, KafkaMessage } from 'kafkajs'
import type { HeaderValue, LogRecord } from '../../../ingest/record-source.ts'
import { PackedBatch } from './packed-batch.ts'
import { PackedRecords } from './packed-records.ts'
import { windowOf } from './unpack.ts'

/** Some consecutive records of a batch, and where the partition goes on behind them. */
export interface Slice {
  readonly records: readonly LogRecord[]
  readonly nextOffset: bigint
}

/** A slice ends when it holds so much; its last record may go beyond. */
const SLICE_BYTES = 1_048_576
/** What a record weighs beside its bytes: small ones are many. */
const RECORD_OVERHEAD_BYTES = 512
const HEADER_OVERHEAD_BYTES = 128
/** Key and headers of a record whose value is as large as it may be. */
const BESIDE_VALUE_BYTES = 65_536

/**
 * The records of a batch of kafkajs, a slice at a time, each unpacked when it is asked for; no more than {@link heldBytes} are held at once.
 * The last slice goes on after `lastOffset()`, not after the last record: control records and compaction leave holes. Throws when a batch
 * cannot be unpacked.
 */
export async function* slicesOf(batch: Batch, maxEventBytes: number): AsyncGenerator<Slice> {
  const from = fetchedFrom(batch)
  let records: LogRecord[] = []
  let bytes = 0
  let end = from
  function full(record: LogRecord): boolean {
    if (record.offset < from) return false
    records.push(record)
    bytes += RECORD_OVERHEAD_BYTES + HEADER_OVERHEAD_BYTES * Object.keys(record.headers).length
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
    return bytes >= SLICE_BYTES
  }
  function cut(nextOffset: bigint): Slice {
    const slice = { records, nextOffset }
    records = []
    bytes = 0
    end = nextOffset
    return slice
  }
  for (const message of batch.messages) {
    if (!(message instanceof PackedBatch)) {
      if (full(logRecord(message))) yield cut(BigInt(message.offset) + 1n)
      continue
    }
    const packed = new PackedRecords(message, maxEventBytes + BESIDE_VALUE_BYTES)
    try {
      for (;;) {
        const record = packed.ready() ?? (await packed.next())
        if (record === null) break
        if (full(record)) yield cut(record.offset + 1n)
      }
    } finally {
      await packed.close()
    }
  }
  const nextOffset = BigInt(batch.lastOffset()) + 1n
  if (records.length > 0 || nextOffset > end) yield cut(nextOffset)
}

/** The most bytes that reading the batch by {@link slicesOf} holds at once, beside the batch as it was fetched. */
export function heldBytes(batch: Batch, maxEventBytes: number): number {
  const windows = batch.messages.map((message) => (message instanceof PackedBatch ? windowOf(message.codec, message.records) : 0))
  return SLICE_BYTES + maxEventBytes + BESIDE_VALUE_BYTES + windows.reduce((most, window) => Math.max(most, window), 0)
}

/**
 * The offset that a batch was fetched from. kafkajs 2.2.4 keeps it unpublished; without it a batch from before a seek looks like any other.
 */
export function fetchedFrom(batch: Batch): bigint {
  if ('fetchedOffset' in batch && typeof batch.fetchedOffset === 'string') return BigInt(batch.fetchedOffset)
  throw new Error('kafkajs no longer tells the offset that a batch was fetched from')
}

/** A record of a set that was written before Kafka 0.11. */
function logRecord(message: KafkaMessage): LogRecord {
  return {
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: message.headers ? logHeaders(message.headers) : {},
  }
}

function logHeaders(headers: IHeaders): Record<string, HeaderValue | undefined> {
  // Not by assignment: a header may be called `__proto__`.
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(bytes) : value === undefined ? value : bytes(value),
    ]),
  )
}

/**
 * A consumer gets Buffers, and null for a header without a value, which kafkajs does not say and cannot send again; we take it as empty.
 */
function bytes(value: Buffer | string | null): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))
}
