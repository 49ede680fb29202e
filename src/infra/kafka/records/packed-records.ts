import type { LogRecord } from '../../../ingest/record-source.ts'
import type { PackedBatch } from './packed-batch.ts'
import { FieldReader, readHead, readHeaders, readRecord } from './read-record.ts'
import { unpack } from './unpack.ts'

/**
 * A batch is unpacked no further than this. Not to save memory, which is bounded by the piece, but time: a megabyte of zstd may hold 32 GB of
 * nothing.
 */
const MOST_UNPACKED_BYTES = 2 ** 31

/** Keys and headers of a record that is not held itself are kept up to this size. */
const MOST_KEPT_BYTES = 65_536

/** The longest that a record's fields before its key can be, with the key's length behind them. */
const HEAD_BYTES = 1 + 10 + 5 + 5

type PackedRecordsOf = Pick<
  PackedBatch,
  'codec' | 'records' | 'count' | 'firstOffset' | 'firstTimestamp' | 'appendTimestamp' | 'leaderEpoch'
>

/**
 * Reads the records of a batch one after the other, unpacking only as far as they need. What is read of the log itself is held as it is; of
 * a compressed record larger than `mostBytes` the value is passed over without being held, and its size told in `omittedBytes`. So is all
 * that lies beyond {@link MOST_UNPACKED_BYTES}.
 */
export class PackedRecords {
  readonly #batch: PackedRecordsOf
  readonly #mostBytes: number
  readonly #mostUnpacked: number
  readonly #pieces: AsyncIterator<Buffer>
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #unpacked = 0
  #isBeyond = false
  #left: number
  #next: bigint

  constructor(batch: PackedRecordsOf, mostBytes: number, mostUnpacked = MOST_UNPACKED_BYTES) {
    this.#batch = batch
    this.#mostBytes = batch.codec === 0 ? Infinity : mostBytes
    this.#mostUnpacked = batch.codec === 0 ? Infinity : mostUnpacked
    this.#pieces = unpack(batch.codec, batch.records)[Symbol.asyncIterator]()
    this.#left = batch.count
    this.#next = batch.firstOffset
  }

  /** The next record if all of it is unpacked already: most are, and waiting for each costs more than reading it. */
  ready(): LogRecord | null {
    if (this.#left === 0 || this.#isBeyond) return null
    const size = this.#size()
    if (size === null || size.whole > this.#bytes.length - this.#at || size.whole > this.#mostBytes) return null
    return this.#whole()
  }

  /** The next record, or null behind the last. */
  async next(): Promise<LogRecord | null> {
    if (this.#left === 0) return null
    try {
      if (this.#isBeyond) throw new Beyond()
      while (this.#size() === null) if (!(await this.#unpack())) throw new RangeError('a batch ends before its last record')
      const size = this.#size()?.whole ?? 0
      if (this.#unpacked - (this.#bytes.length - this.#at) + size > this.#mostUnpacked) throw new Beyond()
      if (size > this.#mostBytes) return await this.#tooLarge()
      await this.#have(size)
      return this.#whole()
    } catch (error) {
      if (!(error instanceof Beyond)) throw error
      return this.#beyond()
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.()
  }

  #whole(): LogRecord {
    const { record, end } = readRecord(this.#bytes, this.#at, this.#batch)
    this.#at = end
    return this.#done(record)
  }

  #done(record: LogRecord): LogRecord {
    this.#left -= 1
    this.#next = record.offset + 1n
    return record
  }

  /** One record of which nothing can be said but where it stands. */
  #beyond(): LogRecord {
    this.#isBeyond = true
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
      omittedBytes: this.#mostUnpacked,
    })
  }

  async #tooLarge(): Promise<LogRecord> {
    const { whole, head } = this.#size() ?? { whole: 0, head: 0 }
    let left = whole - head
    this.#at += head
    await this.#have(Math.min(HEAD_BYTES, left))
    const fields = new FieldReader(this.#bytes, this.#at)
    const record = readHead(fields, this.#batch)
    const keyBytes = fields.varint()
    left -= fields.at - this.#at
    this.#at = fields.at
    const key = keyBytes < 0 ? null : await this.#keep(keyBytes)
    left -= Math.max(0, keyBytes)
    await this.#have(Math.min(HEAD_BYTES, left))
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

  /** The bytes that follow, or null when they are too many to be held; passed over either way. */
  async #keep(count: number): Promise<Buffer | null> {
    if (count > MOST_KEPT_BYTES) {
      await this.#skip(count)
      return null
    }
    await this.#have(count)
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

  /** Of the next record, with the bytes that say it; null while those are not unpacked. */
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

  /** Unpacks until `count` bytes lie in one piece. */
  async #have(count: number): Promise<void> {
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
    if (this.#unpacked >= this.#mostUnpacked) throw new Beyond()
    const { done, value } = await this.#pieces.next()
    if (done === true) return null
    this.#unpacked += value.length
    return value
  }
}

/** The batch goes on beyond what is unpacked. */
class Beyond extends Error {}
