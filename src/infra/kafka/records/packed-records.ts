import type { LogRecord } from '../../../ingest/record-source.ts'
import type { PackedBatch } from './packed-batch.ts'
import { FieldReader, readHeaders, RecordView } from './read-record.ts'
import { unpack } from './unpack.ts'

/**
 * The most that is decompressed of one batch. This limits time, not memory, which is bounded by the piece: a megabyte of zstd may hold 32 GB
 * of zeros.
 */
const MAX_UNPACKED_BYTES = 2 ** 31

/** Keys and headers of a record whose value is omitted are kept up to this size. */
const MAX_KEPT_BYTES = 65_536

/** The longest encoding of a record's fields before its key, including the lengths of record and key. */
const HEAD_BYTES = 5 + 1 + 10 + 5 + 5

const NOTHING = Buffer.alloc(0)

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
  /** Null when everything is decompressed already. */
  readonly #pieces: AsyncIterator<Buffer> | null
  #reader: FieldReader
  #unpacked: number
  #isBeyondLimit = false
  #left: number
  #last: LogRecord | null = null

  constructor(batch: PackedRecordsOf, maxBytes: number, maxUnpacked = MAX_UNPACKED_BYTES) {
    this.#batch = batch
    this.#maxBytes = batch.codec === 0 ? Infinity : maxBytes
    this.#maxUnpacked = batch.codec === 0 ? Infinity : maxUnpacked
    const unpacked = unpack(batch.codec, batch.records)
    const isWhole = Buffer.isBuffer(unpacked)
    this.#pieces = isWhole ? null : unpacked[Symbol.asyncIterator]()
    this.#reader = new FieldReader(isWhole ? unpacked : NOTHING)
    this.#unpacked = this.#reader.bytes.length
    this.#left = batch.count
  }

  /** The number of records that were not read yet. */
  get left(): number {
    return this.#left
  }

  /**
   * The next record if it is completely decompressed already, otherwise null: most are, and an await costs more than reading a record. Only
   * while records are {@link left}.
   */
  ready(): LogRecord | null {
    if (this.#isBeyondLimit) return null
    const size = this.#reader.recordBytes()
    if (size === null || size > this.#reader.available || size > this.#maxBytes) return null
    return this.#readWhole()
  }

  /** The next record; only while records are {@link left}. */
  async next(): Promise<LogRecord> {
    try {
      if (this.#isBeyondLimit) throw new BeyondLimit()
      let size = this.#reader.recordBytes()
      for (; size === null; size = this.#reader.recordBytes())
        if (!(await this.#unpack())) throw new RangeError('a batch ends before its last record')
      if (this.#unpacked - this.#reader.available + size > this.#maxUnpacked) throw new BeyondLimit()
      if (size > this.#maxBytes) return await this.#readWithoutValue(size)
      await this.#require(size)
      return this.#readWhole()
    } catch (error) {
      if (!(error instanceof BeyondLimit)) throw error
      return this.#recordBeyondLimit()
    }
  }

  async close(): Promise<void> {
    await this.#pieces?.return?.()
  }

  #readWhole(): LogRecord {
    return this.#done(new RecordView(this.#reader, this.#batch))
  }

  #done(record: LogRecord): LogRecord {
    this.#left -= 1
    this.#last = record
    return record
  }

  /** A record of which only the offset is known. */
  #recordBeyondLimit(): LogRecord {
    this.#isBeyondLimit = true
    this.#reader = new FieldReader(NOTHING)
    const { firstOffset, firstTimestamp, appendTimestamp } = this.#batch
    const offset = this.#last === null ? firstOffset : this.#last.offset + 1n
    const timestamp = appendTimestamp ?? firstTimestamp
    return this.#done({ offset, timestamp, key: null, headers: {}, ...this.#withoutValue(this.#maxUnpacked) })
  }

  async #readWithoutValue(size: number): Promise<LogRecord> {
    let left = size
    /** Accounts for `bytes` of the record. */
    const within = (bytes: number) => {
      left -= bytes
      if (left < 0) throw new RangeError('a field exceeds its record')
      return bytes
    }
    /** Reads fields that have at most {@link HEAD_BYTES}. */
    const fields = async <Fields>(read: (reader: FieldReader) => Fields): Promise<Fields> => {
      await this.#require(Math.min(HEAD_BYTES, left))
      const before = this.#reader.at
      const fields = read(this.#reader)
      within(this.#reader.at - before)
      return fields
    }
    const { firstOffset, firstTimestamp, appendTimestamp } = this.#batch
    const head = await fields((reader) => {
      reader.int()
      // Attributes are unused.
      reader.skip(1)
      return { sinceFirst: reader.long(), offsetDelta: reader.int(), keyBytes: reader.int() }
    })
    const key = head.keyBytes < 0 ? null : await this.#keep(within(head.keyBytes))
    const valueBytes = await fields((reader) => reader.int())
    await this.#skip(within(Math.max(0, valueBytes)))
    const headers = await this.#keep(left)
    return this.#done({
      offset: firstOffset + BigInt(head.offsetDelta),
      timestamp: appendTimestamp ?? firstTimestamp + head.sinceFirst,
      key,
      headers: headers === null ? {} : readHeaders(new FieldReader(headers)),
      ...this.#withoutValue(size),
    })
  }

  #withoutValue(omittedBytes: number): Pick<LogRecord, 'value' | 'omittedBytes' | 'leaderEpoch'> {
    const { leaderEpoch } = this.#batch
    return { value: null, omittedBytes, ...(leaderEpoch === null ? {} : { leaderEpoch }) }
  }

  /** The next `count` bytes, or null when they are too many to hold; the reader moves past them either way. */
  async #keep(count: number): Promise<Buffer | null> {
    if (count > MAX_KEPT_BYTES) {
      await this.#skip(count)
      return null
    }
    await this.#require(count)
    const { bytes, at } = this.#reader
    this.#reader.skip(count)
    return bytes.subarray(at, at + count)
  }

  async #skip(count: number): Promise<void> {
    let left = count
    for (;;) {
      const now = Math.min(left, this.#reader.available)
      this.#reader.skip(now)
      left -= now
      if (left === 0) return
      if (!(await this.#unpack())) throw new RangeError('a batch ends within a record')
    }
  }

  /** Decompresses until `count` bytes are contiguous. */
  async #require(count: number): Promise<void> {
    let missing = count - this.#reader.available
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
    const { bytes, at } = this.#reader
    const rest = bytes.subarray(at)
    const [first, ...others] = pieces
    const all = rest.length === 0 && others.length === 0 && first !== undefined ? first : Buffer.concat([rest, ...pieces])
    this.#reader = new FieldReader(all)
  }

  async #piece(): Promise<Buffer | null> {
    const piece = await this.#pieces?.next()
    if (piece === undefined || piece.done === true) return null
    this.#unpacked += piece.value.length
    return piece.value
  }
}

/** The batch exceeds the limit of decompressed bytes. */
class BeyondLimit extends Error {}
