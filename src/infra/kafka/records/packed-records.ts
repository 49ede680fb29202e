import type { LogRecord } from '../../../ingest/record-source.ts'
import type { PackedBatch } from './packed-batch.ts'
import { FieldReader, readHead, readHeaders, readRecord } from './read-record.ts'
import { unpack } from './unpack.ts'

/**
 * The most that is decompressed of one batch. This limits time, not memory, which is bounded by the piece: a megabyte of zstd may hold 32 GB
 * of zeros.
 */
const MAX_UNPACKED_BYTES = 2 ** 31

/** Keys and headers of a record whose value is omitted are kept up to this size. */
const MAX_KEPT_BYTES = 65_536

/** The longest encoding of a record's fields before its key, including the key's length. */
const HEAD_BYTES = 1 + 10 + 5 + 5

type PackedRecordsOf = Pick<
  PackedBatch,
  'codec' | 'records' | 'count' | 'firstOffset' | 'firstTimestamp' | 'appendTimestamp' | 'leaderEpoch'
>

/**
 * Reads the records of a batch one at a time, and decompresses only as far as needed. Records of uncompressed batches are kept as they are. The
 * value of a compressed record larger than `maxBytes` is skipped without being held, and `omittedBytes` gives the record's size; the same
 * applies to everything beyond {@link MAX_UNPACKED_BYTES}.
 */
export class PackedRecords {
  readonly #batch: PackedRecordsOf
  readonly #maxBytes: number
  readonly #maxUnpacked: number
  readonly #pieces: AsyncIterator<Buffer>
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #unpacked = 0
  #isBeyondLimit = false
  #left: number
  #next: bigint

  constructor(batch: PackedRecordsOf, maxBytes: number, maxUnpacked = MAX_UNPACKED_BYTES) {
    this.#batch = batch
    this.#maxBytes = batch.codec === 0 ? Infinity : maxBytes
    this.#maxUnpacked = batch.codec === 0 ? Infinity : maxUnpacked
    this.#pieces = unpack(batch.codec, batch.records)[Symbol.asyncIterator]()
    this.#left = batch.count
    this.#next = batch.firstOffset
  }

  /** The next record if it is completely decompressed already, otherwise null: most are, and an await costs more than reading a record. */
  ready(): LogRecord | null {
    if (this.#left === 0 || this.#isBeyondLimit) return null
    const size = this.#size()
    if (size === null || size.whole > this.#bytes.length - this.#at || size.whole > this.#maxBytes) return null
    return this.#readWhole()
  }

  /** The next record, or null after the last. */
  async next(): Promise<LogRecord | null> {
    if (this.#left === 0) return null
    try {
      if (this.#isBeyondLimit) throw new BeyondLimit()
      while (this.#size() === null) if (!(await this.#unpack())) throw new RangeError('a batch ends before its last record')
      const size = this.#size()?.whole ?? 0
      if (this.#unpacked - (this.#bytes.length - this.#at) + size > this.#maxUnpacked) throw new BeyondLimit()
      if (size > this.#maxBytes) return await this.#readWithoutValue()
      await this.#require(size)
      return this.#readWhole()
    } catch (error) {
      if (!(error instanceof BeyondLimit)) throw error
      return this.#recordBeyondLimit()
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.()
  }

  #readWhole(): LogRecord {
    const { record, end } = readRecord(this.#bytes, this.#at, this.#batch)
    this.#at = end
    return this.#done(record)
  }

  #done(record: LogRecord): LogRecord {
    this.#left -= 1
    this.#next = record.offset + 1n
    return record
  }

  /** A record of which only the offset is known. */
  #recordBeyondLimit(): LogRecord {
    this.#isBeyondLimit = true
    this.#bytes = Buffer.alloc(0)
    this.#at = 0
    const { appendTimestamp, firstTimestamp, leaderEpoch } = this.#batch
    const timestamp = appendTimestamp ?? firstTimestamp
    return this.#done({
      offset: this.#next,
      timestamp,
      key: null,
      value: null,
      headers: {},
      ...(leaderEpoch === null ? {} : { leaderEpoch }),
      omittedBytes: this.#maxUnpacked,
    })
  }

  async #readWithoutValue(): Promise<LogRecord> {
    const { whole, head } = this.#size() ?? { whole: 0, head: 0 }
    let left = whole - head
    this.#at += head
    await this.#require(Math.min(HEAD_BYTES, left))
    const fields = new FieldReader(this.#bytes, this.#at)
    const record = readHead(fields, this.#batch)
    const keyBytes = fields.varint()
    left -= fields.at - this.#at
    this.#at = fields.at
    const key = keyBytes < 0 ? null : await this.#keep(keyBytes)
    left -= Math.max(0, keyBytes)
    await this.#require(Math.min(HEAD_BYTES, left))
    const length = new FieldReader(this.#bytes, this.#at)
    const valueBytes = length.varint()
    left -= length.at - this.#at + Math.max(0, valueBytes)
    this.#at = length.at
    await this.#skip(Math.max(0, valueBytes))
    const headers = await this.#keep(left)
    return this.#done({
      ...record,
      key,
      value: null,
      headers: headers === null ? {} : readHeaders(new FieldReader(headers, 0)),
      omittedBytes: whole,
    })
  }

  /** The next `count` bytes, or null when they are too many to hold; the reader moves past them either way. */
  async #keep(count: number): Promise<Buffer | null> {
    if (count > MAX_KEPT_BYTES) {
      await this.#skip(count)
      return null
    }
    await this.#require(count)
    const kept = this.#bytes.subarray(this.#at, this.#at + count)
    this.#at += count
    return kept
  }

  async #skip(count: number): Promise<void> {
    let left = count
    for (;;) {
      const now = Math.min(left, this.#bytes.length - this.#at)
      this.#at += now
      left -= now
      if (left === 0) return
      if (!(await this.#unpack())) throw new RangeError('a batch ends within a record')
    }
  }

  /** The size of the next record, and of its length field; null while that field is not decompressed. */
  #size(): { readonly whole: number; readonly head: number } | null {
    for (let at = this.#at; at < this.#bytes.length; at++) {
      if ((this.#bytes[at] ?? 0) >= 0x80) continue
      const head = at + 1 - this.#at
      const length = new FieldReader(this.#bytes, this.#at).varint()
      if (length < 0) throw new RangeError('a record has a length below zero')
      return { whole: head + length, head }
    }
    return null
  }

  /** Decompresses until `count` bytes are contiguous. */
  async #require(count: number): Promise<void> {
    let missing = count - (this.#bytes.length - this.#at)
    const more: Buffer[] = []
    while (missing > 0) {
      const piece = await this.#piece()
      if (piece === null) throw new RangeError('a batch ends within a record')
      more.push(piece)
      missing -= piece.length
    }
    if (more.length > 0) this.#append(more)
  }

  async #unpack(): Promise<boolean> {
    const piece = await this.#piece()
    if (piece !== null) this.#append([piece])
    return piece !== null
  }

  #append(pieces: readonly Buffer[]): void {
    const rest = this.#bytes.subarray(this.#at)
    const [first, ...others] = pieces
    this.#bytes = rest.length === 0 && others.length === 0 && first !== undefined ? first : Buffer.concat([rest, ...pieces])
    this.#at = 0
  }

  async #piece(): Promise<Buffer | null> {
    if (this.#unpacked >= this.#maxUnpacked) throw new BeyondLimit()
    const { done, value } = await this.#pieces.next()
    if (done === true) return null
    this.#unpacked += value.length
    return value
  }
}

/** The batch exceeds the limit of decompressed bytes. */
class BeyondLimit extends Error {}
