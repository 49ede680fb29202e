import type { HeaderValue, LogRecord } from '../../../ingest/record-source.ts'

/** What the batch says of its records. */
export interface RecordContext {
  readonly firstOffset: bigint
  readonly firstTimestamp: number
  readonly appendTimestamp: number | null
  /** Of the leader that appended the batch; null where it names none. */
  readonly leaderEpoch: number | null
}

/** Reads the record at `at`, whose length comes first. Key, value and headers are views of `bytes`. */
export function readRecord(bytes: Buffer, at: number, context: RecordContext): { readonly record: LogRecord; readonly end: number } {
  const reader = new FieldReader(bytes, at)
  const length = reader.varint()
  const end = reader.at + length
  if (length < 0 || end > bytes.length) throw new RangeError('a record ends behind its batch')
  const head = readHead(reader, context)
  const key = reader.bytes()
  const value = reader.bytes()
  return { record: { ...head, key, value, headers: readHeaders(reader) }, end }
}

/** What stands in front of the key. */
export function readHead(reader: FieldReader, { firstOffset, firstTimestamp, appendTimestamp, leaderEpoch }: RecordContext) {
  // Attributes, which are not used.
  reader.at += 1
  const sinceFirst = reader.varint()
  const timestamp = appendTimestamp ?? firstTimestamp + sinceFirst
  return { timestamp, offset: firstOffset + BigInt(reader.varint()), ...(leaderEpoch === null ? {} : { leaderEpoch }) }
}

/**
 * Headers whatever they are called and however many there are; a name that is given more than once has a list, in order. One without a
 * value is taken as empty: kafkajs cannot send it again otherwise.
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
  // Defines each name, also those with a meaning of their own (`__proto__`).
  return Object.fromEntries(headers)
}

/** The fields of a record, one after the other. Numbers beyond 2^53 are times and sizes that nobody has. */
export class FieldReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  /** Zigzag, seven bits a byte, the lowest first. */
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
    if (end > this.#bytes.length) throw new RangeError('a field ends behind its record')
    const bytes = this.#bytes.subarray(this.at, end)
    this.at = end
    return bytes
  }
}
