import type Decoder from 'kafkajs/src/protocol/decoder.js'
import type { BatchHead } from '../patches/aborted-records.ts'
import { FieldReader, RecordView } from './read-record.ts'
import type { Codec } from './unpack.ts'

const CODEC = 0x07
const LOG_APPEND_TIME = 0x08
const IN_TRANSACTION = 0x10
const IS_CONTROL = 0x20
/** Bytes between a batch's length and its records. */
const HEADER_BYTES = 49

/**
 * A record batch as it was fetched, with its records still compressed. kafkajs treats it as one message at the batch's last offset. That is
 * enough to skip batches before the requested offset, control batches and aborted ones, which are all skipped as a whole: a batch has one
 * producer, and is inside a transaction or not.
 */
export class PackedBatch {
  readonly offset: string
  /** The key of a control batch's only record, which says whether the transaction was aborted; otherwise null. */
  readonly key: Buffer | null
  /** Also set for batches of an aborted transaction. */
  isControlRecord: boolean
  readonly batchContext: BatchHead
  readonly codec: Codec
  readonly count: number
  /** Compressed with `codec`. */
  readonly records: Buffer
  readonly firstOffset: bigint
  readonly firstTimestamp: number
  /** The broker's timestamp for all records; null when each record has its own. */
  readonly appendTimestamp: number | null
  readonly leaderEpoch: number | null

  /** `bytes` starts after the batch's length. */
  constructor(firstOffset: bigint, bytes: Buffer) {
    const leaderEpoch = bytes.readInt32BE(0)
    this.leaderEpoch = leaderEpoch < 0 ? null : leaderEpoch
    const attributes = bytes.readInt16BE(9)
    const codec = attributes & CODEC
    if (!isCodec(codec)) throw new Error(`codec ${codec} of a record batch is unknown`)
    this.codec = codec
    this.firstOffset = firstOffset
    const lastOffsetDelta = bytes.readInt32BE(11)
    this.offset = String(firstOffset + BigInt(lastOffsetDelta))
    this.firstTimestamp = Number(bytes.readBigInt64BE(15))
    this.appendTimestamp = attributes & LOG_APPEND_TIME ? Number(bytes.readBigInt64BE(23)) : null
    this.count = bytes.readInt32BE(45)
    this.records = bytes.subarray(HEADER_BYTES)
    this.isControlRecord = (attributes & IS_CONTROL) !== 0
    this.batchContext = {
      firstOffset: String(firstOffset),
      lastOffsetDelta,
      producerId: String(bytes.readBigInt64BE(31)),
      inTransaction: (attributes & IN_TRANSACTION) !== 0,
      isControlBatch: this.isControlRecord,
    }
    this.key = this.isControlRecord && this.count > 0 ? new RecordView(new FieldReader(this.records), this).key : null
  }
}

/** Reads the batches of a record set. The last one may be incomplete; the next fetch returns it complete. */
export function readBatches(set: Decoder, size: number): PackedBatch[] {
  const end = set.offset + size
  const batches: PackedBatch[] = []
  while (set.offset + 12 + HEADER_BYTES <= end) {
    const firstOffset = set.readBytes(8).readBigInt64BE()
    const length = set.readInt32()
    if (length < HEADER_BYTES) throw new RangeError('a record batch is shorter than its header')
    if (set.offset + length > end) break
    batches.push(new PackedBatch(firstOffset, set.readBytes(length)))
  }
  set.offset = end
  return batches
}

function isCodec(codec: number): codec is Codec {
  return codec <= 4
}
