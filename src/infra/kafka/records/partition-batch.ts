import type { IHeaders, KafkaMessage } from 'kafkajs'
import type { HeaderValue, LogRecord } from '../../../ingest/record-source.ts'
import { PackedBatch } from './packed-batch.ts'
import { PackedRecords } from './packed-records.ts'
import { RecordView } from './read-record.ts'
import { windowOf } from './unpack.ts'

/** A kafkajs batch. Its messages are {@link PackedBatch}es, except in a record set from before Kafka 0.11. */
export interface FetchedBatch {
  readonly messages: readonly (KafkaMessage | PackedBatch)[]
  lastOffset(): string
}

/** Consecutive records of a batch, and the offset at which the partition continues after them. */
export interface Slice {
  readonly records: readonly LogRecord[]
  readonly nextOffset: bigint
}

/** A slice ends when it reaches this size; its last record may exceed it. */
const SLICE_BYTES = 1_048_576
/** Memory per record besides its bytes, which matters because small records are many. */
const RECORD_OVERHEAD_BYTES = 512
const HEADER_OVERHEAD_BYTES = 128
/** Allowance for the key and headers of a record with the largest permitted value. */
const BESIDE_VALUE_BYTES = 65_536

/**
 * The records of a kafkajs batch in slices, each decompressed on demand; at most {@link heldBytes} are held at once. The last slice continues
 * after `lastOffset()`, not after the last record, because control records and compaction leave gaps. Throws when a batch cannot be
 * decompressed.
 */
export async function* slicesOf(batch: FetchedBatch, maxEventBytes: number): AsyncGenerator<Slice> {
  const from = fetchedFrom(batch)
  let records: LogRecord[] = []
  let bytes = 0
  let end = from
  /** Takes a record; returns whether the slice is full. */
  function full(record: LogRecord): boolean {
    records.push(record)
    bytes += memoryOf(record)
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
      const record = logRecord(message)
      if (record.offset >= from && full(record)) yield cut(BigInt(message.offset) + 1n)
      continue
    }
    const mayPrecede = message.firstOffset < from
    const packed = new PackedRecords(message, maxEventBytes + BESIDE_VALUE_BYTES)
    try {
      while (packed.left !== 0) {
        const record = packed.ready() ?? (await packed.next())
        if (mayPrecede && record.offset < from) continue
        if (full(record)) yield cut(record.offset + 1n)
      }
    } finally {
      await packed.close()
    }
  }
  const nextOffset = BigInt(batch.lastOffset()) + 1n
  if (records.length > 0 || nextOffset > end) yield cut(nextOffset)
}

/** Without creating what a group may never read. */
function memoryOf(record: LogRecord): number {
  const isView = record instanceof RecordView
  const headers = isView ? record.headerCount : Object.keys(record.headers).length
  const bytes = isView ? record.size : (record.key?.length ?? 0) + (record.value?.length ?? 0)
  return RECORD_OVERHEAD_BYTES + HEADER_OVERHEAD_BYTES * headers + bytes
}

/** The most bytes that {@link slicesOf} holds at once, besides the fetched batch itself. */
export function heldBytes(batch: FetchedBatch, maxEventBytes: number): number {
  const windows = batch.messages.map((message) => (message instanceof PackedBatch ? windowOf(message.codec, message.records) : 0))
  return SLICE_BYTES + maxEventBytes + BESIDE_VALUE_BYTES + windows.reduce((most, window) => Math.max(most, window), 0)
}

/**
 * The offset that a batch was fetched from. kafkajs 2.2.4 does not publish it; without it, a batch fetched before a seek looks like any other.
 */
export function fetchedFrom(batch: object): bigint {
  if ('fetchedOffset' in batch && typeof batch.fetchedOffset === 'string') return BigInt(batch.fetchedOffset)
  throw new Error('kafkajs no longer provides the offset that a batch was fetched from: review partition-batch.ts')
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
  // Not by assignment: a header may be named `__proto__`.
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(bytes) : value === undefined ? value : bytes(value),
    ]),
  )
}

/**
 * A consumer receives Buffers, and null for a header without a value, which the types of kafkajs do not declare and its producer cannot
 * send. Null becomes empty.
 */
function bytes(value: Buffer | string | null): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))
}
