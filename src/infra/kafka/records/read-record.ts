import type { HeaderValue, LogRecord } from '../../../ingest/record-source.ts'

/** What a batch states about its records. */
export interface RecordContext {
  readonly firstOffset: bigint
  readonly firstTimestamp: number
  readonly appendTimestamp: number | null
  /** The epoch of the leader that appended the batch; null when it is not stated. */
  readonly leaderEpoch: number | null
}

/**
 * A record as a view of its batch's bytes. Reading it checks where each field ends and creates none: a group skips most records by one
 * header, and three groups read every record. Key, value and headers are created when first used, and share memory with the batch.
 */
export class RecordView implements LogRecord {
  declare readonly leaderEpoch?: number
  /** The number of headers, repeated names included. */
  readonly headerCount: number
  readonly #bytes: Buffer
  readonly #context: RecordContext
  readonly #sinceFirst: number
  readonly #offsetDelta: number
  readonly #keyAt: number
  readonly #keyBytes: number
  readonly #valueAt: number
  readonly #valueBytes: number
  readonly #headersAt: number
  #value: Buffer | null | undefined
  #headers: Record<string, HeaderValue> | undefined

  /**
   * Reads the record at the reader's position, whose length comes first, and moves the reader behind it. Throws a RangeError when the record
   * exceeds its batch, or a field its record.
   */
  constructor(reader: FieldReader, context: RecordContext) {
    const length = reader.int()
    const end = reader.at + length
    if (length < 0 || end > reader.bytes.length) throw new RangeError('a record exceeds its batch')
    this.#bytes = reader.bytes
    this.#context = context
    // Attributes are unused.
    reader.at += 1
    this.#sinceFirst = reader.long()
    this.#offsetDelta = reader.int()
    this.#keyBytes = reader.int()
    this.#keyAt = reader.at
    reader.skip(this.#keyBytes)
    this.#valueBytes = reader.int()
    this.#valueAt = reader.at
    reader.skip(this.#valueBytes)
    this.#headersAt = reader.at
    this.headerCount = Math.max(0, reader.int())
    for (let left = this.headerCount; left > 0; left--) {
      reader.skip(reader.int())
      reader.skip(reader.int())
    }
    if (reader.at > end) throw new RangeError('a field exceeds its record')
    reader.at = end
    if (context.leaderEpoch !== null) this.leaderEpoch = context.leaderEpoch
  }

  get offset(): bigint {
    return this.#context.firstOffset + BigInt(this.#offsetDelta)
  }

  get timestamp(): number {
    return this.#context.appendTimestamp ?? this.#context.firstTimestamp + this.#sinceFirst
  }

  get key(): Buffer | null {
    return this.#keyBytes < 0 ? null : this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyBytes)
  }

  get value(): Buffer | null {
    this.#value ??= this.#valueBytes < 0 ? null : this.#bytes.subarray(this.#valueAt, this.#valueAt + this.#valueBytes)
    return this.#value
  }

  get headers(): Readonly<Record<string, HeaderValue>> {
    this.#headers ??= readHeaders(new FieldReader(this.#bytes, this.#headersAt))
    return this.#headers
  }

  headerTexts(name: string, recurs = true): readonly string[] {
    const reader = new FieldReader(this.#bytes, this.#headersAt)
    const texts: string[] = []
    for (let left = reader.int(); left > 0; left--) {
      const nameBytes = reader.int()
      const nameAt = reader.at
      reader.skip(nameBytes)
      const isNamed = isAscii(name, this.#bytes, nameAt, reader.at)
      const valueBytes = reader.int()
      const valueAt = reader.at
      reader.skip(valueBytes)
      if (isNamed) texts.push(recurs ? recurringText(this.#bytes, valueAt, reader.at) : this.#bytes.toString('utf8', valueAt, reader.at))
    }
    return texts
  }

  /** Bytes of key and value. */
  get size(): number {
    return Math.max(0, this.#keyBytes) + Math.max(0, this.#valueBytes)
  }
}

/**
 * Reads headers of any name and number; a repeated name has a list of values in order. A header without a value becomes empty, because kafkajs
 * could not send it to the dead-letter topic otherwise.
 */
export function readHeaders(reader: FieldReader): Record<string, HeaderValue> {
  const headers: Record<string, Buffer | Buffer[]> = {}
  for (let left = reader.int(); left > 0; left--) {
    const nameBytes = reader.int()
    const nameAt = reader.at
    reader.skip(nameBytes)
    const name = recurringText(reader.bytes, nameAt, reader.at)
    const valueBytes = reader.int()
    const valueAt = reader.at
    reader.skip(valueBytes)
    const value = reader.bytes.subarray(valueAt, reader.at)
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined
    if (Array.isArray(before)) before.push(value)
    else put(headers, name, before === undefined ? value : [before, value])
  }
  return headers
}

/** Defines every name, including `__proto__`, which an assignment does not. */
function put(headers: Record<string, Buffer | Buffer[]>, name: string, value: Buffer | Buffer[]): void {
  if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true })
  else headers[name] = value
}

/** The longest encoding of a number of 32 bits. */
const INT_BYTES = 5

/** Reads fields in sequence. Throws a RangeError when one exceeds the bytes, or when a number is longer than its type permits. */
export class FieldReader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  get available(): number {
    return this.bytes.length - this.at
  }

  /** A zigzag varint of 32 bits: seven bits per byte, the lowest first. */
  int(): number {
    let value = 0
    for (let shift = 0; shift < 7 * INT_BYTES; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new RangeError('a number of a record has too many bytes')
  }

  /** A zigzag varint of 64 bits, exact up to 2^53, which covers all real times. */
  long(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new RangeError('a number of a record has too many bytes')
  }

  /** Moves past a field of `count` bytes. A count below zero is that of a null field, which has no bytes. */
  skip(count: number): void {
    if (count <= 0) return
    this.at += count
    if (this.at > this.bytes.length) throw new RangeError('a field exceeds its record')
  }

  /** The size of the record that starts here, with its length field; null when that field is incomplete. The reader does not move. */
  recordBytes(): number | null {
    const start = this.at
    let last = start
    while ((this.bytes[last] ?? 0) >= 0x80 && last < start + INT_BYTES) last++
    if (last >= this.bytes.length) return null
    const length = this.int()
    const size = this.at - start + length
    this.at = start
    if (length < 0) throw new RangeError('a record has a length below zero')
    return size
  }

  #byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new RangeError('a field exceeds its record')
    return byte
  }
}

/**
 * Texts that recur, such as the names of headers, by a hash of their bytes. Comparing bytes with a text is much cheaper than decoding them. A
 * slot keeps the last short text that fell into it, so that names made up by a producer take no memory.
 */
const recurring = Array.from({ length: 256 }, () => '')
const LONGEST_RECURRING = 64

/** Decodes UTF-8; a text of ASCII that came before is usually the same string. */
function recurringText(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length === 0) return ''
  const slot = (length * 31 + (bytes[start] ?? 0) * 7 + (bytes[end - 1] ?? 0)) % recurring.length
  const before = recurring[slot] ?? ''
  if (isAscii(before, bytes, start, end)) return before
  const text = bytes.toString('utf8', start, end)
  if (length <= LONGEST_RECURRING && isAscii(text, bytes, start, end)) recurring[slot] = text
  return text
}

/** Whether the bytes are these characters, one byte each; in UTF-8 only those of ASCII are. */
function isAscii(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false
  return true
}
