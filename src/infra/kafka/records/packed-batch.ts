import type Decoder from 'kafkajs/src/protocol/decoder.js'
import type { BatchHead } from '../patches/aborted-records.ts'
import { readRecord } from './read-record.ts'
import type { Codec } from './unpack.ts'

const CODEC = 0x07
const LOG_APPEND_TIME = 0x08
const IN_TRANSACTION = 0x10
const IS_CONTROL = 0x20
/** Bytes of a batch behind its length and before its records. */
const HEADER_BYTES = 49

/**
 * A record batch as it was fetched, its records still packed. kafkajs takes it for one message at the batch's last offset: that is what it
 * needs to pass over batches before the offset that was asked for, control batches and those of aborted transactions, all of which are
 * passed over as a whole; a batch has one producer and is inside a transaction or not.
 */
export class PackedBatch {
  readonly offset: string
  /** Of a control batch's one record: it says whether the transaction was aborted. */
  readonly key: Buffer | null
  /** Set for one of an aborted transaction, too. */
  isControlRecord: boolean
  readonly batchContext: BatchHead
  readonly codec: Codec
  readonly count: number
  /** Compressed as `codec` says. */
  readonly records: Buffer
  readonly firstOffset: bigint
  readonly firstTimestamp: number
  /** Given by the broker, for all records; null when each has its own. */
  readonly appendTimestamp: number | null
  readonly leaderEpoch: number | null

  /** `bytes` begin behind the batch's length. */
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
    this.key = this.isControlRecord && this.count > 0 ? readRecord(this.records, 0, this).record.key : null
  }
}

/** Reads the batches of a record set; the last one may be cut off, and comes whole with the next fetch. */
export function readBatches(set: Decoder, size: number): PackedBatch[] {
  const end = set.offset + size
  const batches: PackedBatch[] = []
  while (set.offset + 12 + HEADER_BYTES <= end) {
    const firstOffset = set.readBytes(8).readBigInt64BE()
    const length = set.readInt32()
    if (set.offset + length > end) break
    batches.push(new PackedBatch(firstOffset, set.readBytes(length)))
  }
  set.offset = end
  return batches
}

function isCodec(codec: number): codec is Codec {
  return codec <= 4
}
