import { isUtf8 } from 'node:buffer'
import avsc from 'avsc'
import type { Type, types } from 'avsc'
import type { ReadValue, ValueReader } from '../../events/framed-value.ts'
import { MAX_DEPTH } from '../../events/read-json.ts'

/**
 * Reads Avro by the schema it was written with, into what JSON would say: enums as texts, bytes in base64, `timestamp-millis` and
 * `timestamp-micros` in RFC 3339, branches of a union without their names. avsc reads the schema; the bytes are read here, because it would make a list as long as they claim, and
 * take invalid UTF-8: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
 *
 * @param schema as parsed JSON
 * @param referenced schemas with the names that it uses, each before those that use it
 * @throws {Error} it is not valid Avro; the message quotes it
 */
export function avroReader(schema: unknown, referenced: readonly unknown[] = []): ValueReader {
  const registry: Record<string, Type> = {}
  const times = new Map<Type, number>()
  const parse = (one: unknown): Type =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- anything else is refused
    avsc.Type.forSchema(one as Parameters<typeof avsc.Type.forSchema>[0], { registry, typeHook: (part) => timeIn(part, times) })
  for (const one of referenced) parse(one)
  const read = readerOf(parse(schema), { times, made: new Map() })
  return (payload) => readWhole(read, payload)
}

function readWhole(read: Read, payload: Uint8Array): ReadValue {
  const bytes = new AvroBytes(payload)
  try {
    const value = read(bytes)
    return bytes.left === 0 ? { value, isAvro: true } : { reason: 'not-avro', detail: `bytes follow the value: ${bytes.left}` }
  } catch (error) {
    if (error instanceof AvroFault) return { reason: error.reason, detail: error.message }
    throw error
  }
}

class AvroFault extends Error {
  readonly reason: 'not-avro' | 'not-utf8' | 'too-deep'

  constructor(reason: AvroFault['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** Items that take no bytes, such as nulls, beyond which a value is refused. */
const FREE_ITEMS = 100_000

/** The bytes of a value, read from the front. */
class AvroBytes {
  readonly #bytes: Buffer
  #at = 0
  #depth = 0
  #values = 0
  /** The field that is being read, for what is said of a fault. */
  field = ''

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  fault(what: string): AvroFault {
    return new AvroFault('not-avro', this.field === '' ? what : `${what}, in the field ${this.field.slice(0, 100)}`)
  }

  take(count: number): Buffer {
    if (count < 0) throw this.fault('a length is negative')
    if (count > this.left) throw this.fault('the value is cut short')
    const taken = this.#bytes.subarray(this.#at, this.#at + count)
    this.#at += count
    return taken
  }

  byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw this.fault('the value is cut short')
    this.#at += 1
    return byte
  }

  text(): string {
    const bytes = this.take(this.long())
    if (!isUtf8(bytes)) throw new AvroFault('not-utf8', this.fault('a text is not UTF-8').message)
    return bytes.toString('utf8')
  }

  /** Beyond 2^53 as near as a number comes, as in JSON. */
  long(): number {
    let bits = 0
    for (let count = 0, scale = 1; count < 7; count++, scale *= 128) {
      const byte = this.byte()
      bits += (byte & 0x7f) * scale
      if (byte < 0x80) return bits % 2 === 0 ? bits / 2 : -(bits + 1) / 2
    }
    let wide = BigInt(bits)
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      wide |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, (wide >> 1n) ^ -(wide & 1n)))
    }
    throw this.fault('a number has more than ten bytes')
  }

  /** Into a record, list or map. */
  enter(): void {
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) throw new AvroFault('too-deep', `nests deeper than ${MAX_DEPTH}`)
  }

  leave(): void {
    this.#depth -= 1
  }

  /** Before each value within these. */
  count(): void {
    this.#values += 1
    if (this.#values > this.#bytes.length + FREE_ITEMS) throw this.fault('the value claims more items than it has bytes')
  }

  /** The items of a list or map, which come in blocks. */
  blocks(item: () => void): void {
    this.enter()
    for (;;) {
      const claimed = this.long()
      if (claimed === 0) break
      // With a negative count, the size of the block in bytes follows.
      if (claimed < 0) this.long()
      for (let left = Math.abs(claimed); left > 0; left--) {
        this.count()
        item()
      }
    }
    this.leave()
  }
}

type Read = (bytes: AvroBytes) => unknown

interface Reading {
  /** Longs that are times, with what they count in a millisecond. */
  readonly times: ReadonlyMap<Type, number>
  /** Records refer to each other. */
  readonly made: Map<Type, Read>
}

function readerOf(type: Type, reading: Reading): Read {
  const { types: kinds } = avsc
  const { times, made } = reading
  const perMs = times.get(type)
  if (perMs !== undefined) return (bytes) => instant(bytes.long(), perMs)
  if (type instanceof kinds.RecordType) {
    const known = made.get(type)
    if (known !== undefined) return known
    // Made after it is known, because its fields may refer to it.
    let readFields: Read | null = null
    const read: Read = (bytes) => readFields?.(bytes)
    made.set(type, read)
    readFields = recordReader(type, reading)
    return read
  }
  if (type instanceof kinds.ArrayType) return listReader(readerOf(type.itemsType, reading))
  if (type instanceof kinds.MapType) return mapReader(readerOf(valuesTypeOf(type), reading))
  if (type instanceof kinds.EnumType) return (bytes) => chosen(bytes, type.symbols)
  if (type instanceof kinds.FixedType) return (bytes) => bytes.take(type.size).toString('base64')
  if (type instanceof kinds.UnwrappedUnionType || type instanceof kinds.WrappedUnionType) {
    const branches = type.types.map((one) => readerOf(one, reading))
    return (bytes) => chosen(bytes, branches)(bytes)
  }
  const primitive = primitives[type.typeName]
  if (primitive === undefined) throw new Error(`the Avro type ${type.typeName} is not read`)
  return primitive
}

function valuesTypeOf(type: types.MapType): Type {
  // avsc declares it as any.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return type.valuesType as Type
}

const primitives: Readonly<Record<string, Read>> = {
  null: () => null,
  boolean: (bytes) => {
    const byte = bytes.byte()
    if (byte > 1) throw bytes.fault('a boolean is neither 0 nor 1')
    return byte === 1
  },
  int: (bytes) => bytes.long(),
  long: (bytes) => bytes.long(),
  float: (bytes) => bytes.take(4).readFloatLE(),
  double: (bytes) => bytes.take(8).readDoubleLE(),
  bytes: (bytes) => bytes.take(bytes.long()).toString('base64'),
  string: (bytes) => bytes.text(),
}

function recordReader(type: types.RecordType, reading: Reading): Read {
  const fields = type.fields.map((field) => ({
    name: field.name,
    read: readerOf(field.type, reading),
    // It would be the prototype of the object.
    isKept: field.name !== '__proto__',
  }))
  return (bytes) => {
    const record: Record<string, unknown> = {}
    bytes.enter()
    for (const { name, read, isKept } of fields) {
      bytes.field = name
      bytes.count()
      const value = read(bytes)
      if (isKept) record[name] = value
    }
    bytes.leave()
    return record
  }
}

function listReader(read: Read): Read {
  return (bytes) => {
    const items: unknown[] = []
    bytes.blocks(() => items.push(read(bytes)))
    return items
  }
}

function mapReader(read: Read): Read {
  return (bytes) => {
    const entries: [string, unknown][] = []
    bytes.blocks(() => entries.push([bytes.text(), read(bytes)]))
    return Object.fromEntries(entries)
  }
}

function chosen<Choice>(bytes: AvroBytes, from: readonly Choice[]): Choice {
  const choice = from[bytes.long()]
  if (choice === undefined) throw bytes.fault('a choice is not one of its schema')
  return choice
}

/** https://avro.apache.org/docs/1.12.0/specification/#timestamps */
function timeIn(schema: unknown, times: Map<Type, number>): Type | undefined {
  if (typeof schema !== 'object' || schema === null || !('logicalType' in schema) || !('type' in schema)) return undefined
  const perMs = schema.logicalType === 'timestamp-millis' ? 1 : schema.logicalType === 'timestamp-micros' ? 1_000 : null
  if (perMs === null || schema.type !== 'long') return undefined
  // A type of its own, to be recognised by.
  const type = avsc.Type.forSchema({ type: 'long' })
  times.set(type, perMs)
  return type
}

/** A time that no date can be stays a number. */
function instant(count: number, perMs: number): string | number {
  const at = new Date(Math.floor(count / perMs))
  return Number.isNaN(at.getTime()) ? count : at.toISOString()
}
