import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { createGzip, createZstdCompress } from 'node:zlib'
import createSnappyCodec from 'kafkajs-snappy'
import { compressFrame } from 'lz4-napi'
import type { LogRecord } from '../../src/ingest/record-source.ts'

const require = createRequire(import.meta.url)
const crc32c: (bytes: Buffer) => number = require('kafkajs/src/protocol/recordBatch/crc32C/index.js')

/** As Kafka numbers them. */
export const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CodecName = (typeof codecNames)[number]

export interface SentRecord {
  readonly key?: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, Buffer>> | readonly (readonly [name: string | Buffer, value: Buffer | null])[]
  /** From the batch's first offset; the record's index when not given. */
  readonly offsetDelta?: number
  /** From the batch's first timestamp, milliseconds; 0 when not given. */
  readonly timestampDelta?: number
}

/** A record as https://kafka.apache.org/documentation/#record has it. */
export function encodeRecord({ key = null, value, headers = {}, offsetDelta = 0, timestampDelta = 0 }: SentRecord): Buffer {
  const named: readonly (readonly [string | Buffer, Buffer | null])[] = isList(headers) ? headers : Object.entries(headers)
  const parts = [
    Buffer.from([0]),
    varint(timestampDelta),
    varint(offsetDelta),
    ...field(key),
    ...field(value),
    varint(named.length),
    ...named.flatMap(([name, value]) => [...field(typeof name === 'string' ? Buffer.from(name) : name), ...field(value)]),
  ]
  return Buffer.concat([varint(parts.reduce((sum, { length }) => sum + length, 0)), ...parts])
}

function isList<Headers>(headers: Headers): headers is Extract<Headers, readonly unknown[]> {
  return Array.isArray(headers)
}

function field(bytes: Buffer | null): Buffer[] {
  return bytes === null ? [varint(-1)] : [varint(bytes.length), bytes]
}

/** Zigzag, seven bits per byte, the lowest first. */
export function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = BigInt(value) < 0n ? -2n * BigInt(value) - 1n : 2n * BigInt(value)
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(left)])
}

/** The records of a batch as a producer packs them. With gzip and zstd never whole in memory, however much they unpack to. */
export function packRecords(codec: CodecName, records: readonly SentRecord[]): Promise<Buffer> {
  function* encoded() {
    for (const [offsetDelta, record] of records.entries()) yield encodeRecord({ offsetDelta, ...record })
  }
  return packPieces(codec, encoded())
}

/** Packs bytes that need not be records. */
export function packBytes(codec: CodecName, bytes: Buffer): Promise<Buffer> {
  return packPieces(codec, [bytes])
}

async function packPieces(codec: CodecName, pieces: Iterable<Buffer>): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return Buffer.concat([...pieces])
    case 'gzip':
      return gathered(Readable.from(pieces).pipe(createGzip()))
    case 'snappy':
      return createSnappyCodec().compress({ buffer: Buffer.concat([...pieces]) })
    case 'lz4':
      return compressFrame(Buffer.concat([...pieces]))
    case 'zstd':
      return gathered(Readable.from(pieces).pipe(createZstdCompress()))
  }
}

/** Every field of a record, to be compared: those of a view are created when they are read. */
export function fieldsOf({ offset, timestamp, key, value, headers, leaderEpoch, omittedBytes }: LogRecord): LogRecord {
  const optional = { ...(leaderEpoch === undefined ? {} : { leaderEpoch }), ...(omittedBytes === undefined ? {} : { omittedBytes }) }
  return { offset, timestamp, key, value, headers, ...optional }
}

/** What a batch states about itself; of a producer without transactions, at offset 0, when not given. */
export interface BatchHeader {
  readonly firstOffset?: bigint
  /** Beyond the last record when compaction has removed what followed it; the last record's when not given. */
  readonly lastOffsetDelta?: number
  readonly firstTimestamp?: number
  /** Set by the broker for all records. */
  readonly appendTimestamp?: number | null
  readonly leaderEpoch?: number
  readonly producerId?: bigint
  readonly isTransactional?: boolean
  readonly isControl?: boolean
}

/** A whole record batch as https://kafka.apache.org/documentation/#recordbatch has it. */
export async function recordBatch(codec: CodecName, records: readonly SentRecord[], header: BatchHeader = {}): Promise<Buffer> {
  const packed = await packRecords(codec, records)
  const { firstTimestamp = Date.now(), appendTimestamp = null } = header
  const body = Buffer.alloc(40)
  const attributes = (appendTimestamp === null ? 0 : 8) | (header.isTransactional ? 0x10 : 0) | (header.isControl ? 0x20 : 0)
  body.writeInt16BE(codecNames.indexOf(codec) | attributes, 0)
  body.writeInt32BE(header.lastOffsetDelta ?? records.at(-1)?.offsetDelta ?? Math.max(0, records.length - 1), 2)
  body.writeBigInt64BE(BigInt(firstTimestamp), 6)
  const last = Math.max(0, ...records.map(({ timestampDelta = 0 }) => timestampDelta))
  body.writeBigInt64BE(BigInt(appendTimestamp ?? firstTimestamp + last), 14)
  // Without a producer id there are no epoch and sequence either.
  body.fill(0xff, 22, 36)
  if (header.producerId !== undefined) body.writeBigInt64BE(header.producerId, 22)
  body.writeInt32BE(records.length, 36)
  const head = Buffer.alloc(21)
  head.writeBigInt64BE(header.firstOffset ?? 0n, 0)
  head.writeInt32BE(9 + body.length + packed.length, 8)
  head.writeInt32BE(header.leaderEpoch ?? 0, 12)
  head.writeInt8(2, 16)
  head.writeUInt32BE(crc32c(Buffer.concat([body, packed])), 17)
  return Buffer.concat([head, body, packed])
}

async function gathered(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
