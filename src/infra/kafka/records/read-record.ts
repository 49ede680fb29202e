import type { HeaderValue, LogRecord } from '../../../ingest/record-source.ts'

/** What the batch states about its records. */
export interface RecordContext {
  readonly firstOffset: bigint
  readonly firstTimestamp: number
  readonly appendTimestamp: number | null
  /** The epoch of the leader that appended the batch; null when it is not stated. */
  readonly leaderEpoch: number | null
}

/** Reads the record at `at`, whose length comes first. Key, value and headers are views of `bytes`. */
export function readRecord(bytes: Buffer, at: number, context: RecordContext): { readonly record: LogRecord; readonly end: number } {
  const reader = new FieldReader(bytes, at)
  const length = reader.varint()
  const end = reader.at + length
  if (length < 0 || end > bytes.length) throw new RangeError('a record exceeds its batch')
  const head = readHead(reader, context)
  const key = reader.bytes()
  const value = reader.bytes()
  return { record: { ...head, key, value, headers: readHeaders(reader) }, end }
}

/** Reads the fields before the key. */
export function readHead(reader: FieldReader, { firstOffset, firstTimestamp, appendTimestamp, leaderEpoch }: RecordContext) {
  // Attributes are unused.
  reader.at += 1
  const sinceFirst = reader.varint()
  const timestamp = appendTimestamp ?? firstTimestamp + sinceFirst
  return { timestamp, offset: firstOffset + BigInt(reader.varint()), ...(leaderEpoch === null ? {} : { leaderEpoch }) }
}

/**
 * Reads headers of any name and number; a repeated name has a list of values in order. A header without a value becomes empty, because kafkajs
 * could not send it to the dead-letter topic otherwise.
 */
export function readHeaders(reader: FieldReader): Record<string, HeaderValue> {
  const headers = new Map<string, Buffer | Buffer[]>()
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.bytes()?.toString() ?? ''
    const value = reader.bytes() ?? Buffer.alloc(0)
    const before = headers.get(name)
    if (before === undefined) headers.set(name, value)
    else if (Array.isArray(before)) before.push(value)
    else headers.set(name, [before, value])
  }
  // Defines every name, including those with a meaning of their own (`__proto__`).
  return Object.fromEntries(headers)
}

/** Reads the fields of a record in sequence. Numbers are exact up to 2^53, which covers all real timestamps and sizes. */
export class FieldReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  /** A zigzag varint: seven bits per byte, the lowest first. */
  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes.readUInt8(this.at++)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 128
      if (scale > 2 ** 63) throw new RangeError('a number of a record has too many bytes')
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const end = this.at + length
    if (end > this.#bytes.length) throw new RangeError('a field exceeds its record')
    const bytes = this.#bytes.subarray(this.at, end)
    this.at = end
    return bytes
  }
}
