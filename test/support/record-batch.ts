import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { createGzip, createZstdCompress } from 'node:zlib'
import createSnappyCodec from 'kafkajs-snappy'
import { compressFrame } from 'lz4-napi'
import type { LogRecord } from '../../src/ingest/record-source.ts'

const require = createRequire(import.meta.url)
const encodeRecord: (record: object) => { buffer: Buffer } = require('kafkajs/src/protocol/recordBatch/record/v0/index.js')
const crc32c: (bytes: Buffer) => number = require('kafkajs/src/protocol/recordBatch/crc32C/index.js')

/** As Kafka numbers them. */
export const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CodecName = (typeof codecNames)[number]

export interface SentRecord {
  readonly key?: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, Buffer>>
}

/** The records of a batch as a producer packs them. With gzip and zstd never whole in memory, however much they unpack to. */
export async function packRecords(codec: CodecName, records: readonly SentRecord[]): Promise<Buffer> {
  function* encoded() {
    for (const [offsetDelta, { key = null, value, headers = {} }] of records.entries())
      yield encodeRecord({ offsetDelta, timestampDelta: 0, key, value, headers }).buffer
  }
  switch (codec) {
    case 'none':
      return Buffer.concat([...encoded()])
    case 'gzip':
      return gathered(Readable.from(encoded()).pipe(createGzip()))
    case 'snappy':
      return createSnappyCodec().compress({ buffer: Buffer.concat([...encoded()]) })
    case 'lz4':
      return compressFrame(Buffer.concat([...encoded()]))
    case 'zstd':
      return gathered(Readable.from(encoded()).pipe(createZstdCompress()))
  }
}

/** Every field of a record, to be compared: those of a view are created when they are read. */
export function fieldsOf({ offset, timestamp, key, value, headers, leaderEpoch, omittedBytes }: LogRecord): LogRecord {
  const optional = { ...(leaderEpoch === undefined ? {} : { leaderEpoch }), ...(omittedBytes === undefined ? {} : { omittedBytes }) }
  return { offset, timestamp, key, value, headers, ...optional }
}

/** A whole record batch at offset 0, of a producer without transactions. */
export async function recordBatch(codec: CodecName, records: readonly SentRecord[]): Promise<Buffer> {
  const packed = await packRecords(codec, records)
  const body = Buffer.alloc(40)
  body.writeInt16BE(codecNames.indexOf(codec), 0)
  body.writeInt32BE(records.length - 1, 2)
  body.writeBigInt64BE(BigInt(Date.now()), 6)
  body.writeBigInt64BE(BigInt(Date.now()), 14)
  // No producer id, epoch and sequence.
  body.fill(0xff, 22, 36)
  body.writeInt32BE(records.length, 36)
  const head = Buffer.alloc(21)
  head.writeInt32BE(9 + body.length + packed.length, 8)
  head.writeInt8(2, 16)
  head.writeUInt32BE(crc32c(Buffer.concat([body, packed])), 17)
  return Buffer.concat([head, body, packed])
}

async function gathered(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
