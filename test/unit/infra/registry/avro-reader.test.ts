import avsc from 'avsc'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { avroReader } from '../../../../src/infra/registry/avro-reader.ts'

const record = (...fields: readonly object[]) => ({ type: 'record', name: 'r', fields })
const bytes = (...each: readonly number[]) => Buffer.from(each)

/** Schemas of every kind, whose unions avsc leaves without names. */
const schemas = fc.letrec<{ schema: unknown; single: unknown }>((tie) => ({
  single: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'avro' },
    fc.constantFrom<unknown>('boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'),
    fc.uuid().map((id) => ({ type: 'enum', name: named('e', id), symbols: ['A', 'B', 'C'] })),
    fc.tuple(fc.uuid(), fc.nat(4)).map(([id, size]) => ({ type: 'fixed', name: named('f', id), size })),
    tie('schema').map((items) => ({ type: 'array', items })),
    tie('schema').map((values) => ({ type: 'map', values })),
    fc
      .tuple(fc.uuid(), fc.array(tie('schema'), { maxLength: 4 }))
      .map(([id, types]) => ({ type: 'record', name: named('r', id), fields: types.map((type, index) => ({ name: `f${index}`, type })) })),
  ),
  schema: fc.oneof(
    { weight: 3, arbitrary: tie('single') },
    { weight: 1, arbitrary: tie('single').map((single) => ['null', single]) },
    { weight: 1, arbitrary: tie('single').map((single) => [single, 'null']) },
  ),
})).schema
const named = (kind: string, id: string) => `n.${kind}${id.replaceAll('-', '')}`

/** A schema, and a value of it by avsc, which makes one of its own. */
const pairs = schemas.map((schema) => {
  const type = avsc.Type.forSchema(JSON.parse(JSON.stringify(schema)))
  return { schema, type, value: type.toBuffer(type.random()) }
})

/** What avsc reads, as JSON says it. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
    : value
}

describe('a value in Avro', () => {
  it('of any schema is read as avsc reads it', () => {
    fc.assert(
      fc.property(pairs, ({ schema, type, value }) => {
        expect(avroReader(schema)(value)).toEqual({ value: plain(type.fromBuffer(value)), isAvro: true })
      }),
      { numRuns: 500 },
    )
  })

  it('that is cut short anywhere is refused, or followed by bytes', () => {
    let cuts = 0
    fc.assert(
      fc.property(pairs, fc.nat(), ({ schema, value }, at) => {
        fc.pre(value.length > 0)
        cuts += 1
        expect(avroReader(schema)(value.subarray(0, at % value.length))).toMatchObject({ reason: 'not-avro' })
        expect(avroReader(schema)(Buffer.concat([value, bytes(0)]))).toEqual({ reason: 'not-avro', detail: 'bytes follow the value: 1' })
      }),
      { numRuns: 300 },
    )
    expect(cuts).toBeGreaterThan(100)
  })

  it('that is any bytes is read, or refused with a reason, at once', () => {
    fc.assert(
      fc.property(schemas, fc.uint8Array({ maxLength: 40 }), (schema, value) => {
        const read = avroReader(schema)(value)
        expect('value' in read || ['not-avro', 'not-utf8', 'too-deep'].includes(read.reason)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each<[string, unknown, Buffer, string, string]>([
    [
      'a text that is cut short',
      record({ name: 'email', type: 'string' }),
      bytes(8, 97),
      'not-avro',
      'the value is cut short, in the field email',
    ],
    ['a negative length', 'string', bytes(1), 'not-avro', 'a length is negative'],
    ['a text that is not UTF-8', 'string', bytes(2, 0xff), 'not-utf8', 'a text is not UTF-8'],
    ['a boolean of 2', 'boolean', bytes(2), 'not-avro', 'a boolean is neither 0 nor 1'],
    ['no such branch', ['null', 'string'], bytes(4), 'not-avro', 'a choice is not one of its schema'],
    ['no such symbol', { type: 'enum', name: 'e', symbols: ['A'] }, bytes(2), 'not-avro', 'a choice is not one of its schema'],
    ['a number of eleven bytes', 'long', Buffer.alloc(11, 0x80), 'not-avro', 'a number has more than ten bytes'],
    [
      'a million million nulls in nine bytes',
      { type: 'array', items: 'null' },
      bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0),
      'not-avro',
      'the value claims more items than it has bytes',
    ],
    [
      'a million million texts in nine bytes',
      { type: 'array', items: 'string' },
      bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0),
      'not-avro',
      'the value is cut short',
    ],
    ['40 levels', record({ name: 'in', type: ['null', 'r'] }), Buffer.alloc(40, 2), 'too-deep', 'nests deeper than 32'],
  ])('is refused: %s', (_, schema, value, reason, detail) => {
    expect(avroReader(schema)(value)).toEqual({ reason, detail })
  })

  it('says times as JSON does', () => {
    const schema = record(
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'exactly', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
      { name: 'missing', type: ['null', 'string'], default: null },
      { name: '__proto__', type: { type: 'record', name: 'p', fields: [{ name: 'isAdmin', type: 'boolean' }] } },
    )
    const value = avsc.Type.forSchema(JSON.parse(JSON.stringify(schema))).toBuffer(
      Object.fromEntries([
        ['at', 1_767_225_600_123],
        ['exactly', 1_767_225_600_123_456],
        ['missing', null],
        ['__proto__', { isAdmin: true }],
      ]),
    )
    const read = avroReader(schema)(value)
    expect(read).toEqual({ value: { at: '2026-01-01T00:00:00.123Z', exactly: '2026-01-01T00:00:00.123Z', missing: null }, isAvro: true })
    expect('value' in read ? Reflect.get(Object(read.value), 'isAdmin') : true).toBeUndefined()
  })

  it('may hold lists whose blocks say their size in bytes', () => {
    // Two blocks: of two items in two bytes, and of one item without its size.
    expect(avroReader({ type: 'array', items: 'long' })(bytes(3, 4, 2, 4, 2, 6, 0))).toEqual({ value: [1, 2, 3], isAvro: true })
    expect(avroReader({ type: 'map', values: 'long' })(bytes(1, 6, 2, 97, 2, 0))).toEqual({ value: { a: 1 }, isAvro: true })
  })

  it('may hold whole numbers that no number holds, as JSON may', () => {
    const most = Buffer.from('feffffffffffffffff01', 'hex')
    expect(avroReader('long')(most)).toEqual({ value: 2 ** 63, isAvro: true })
    expect(avroReader('long')(Buffer.from('ffffffffffffffffff01', 'hex'))).toEqual({ value: -(2 ** 63), isAvro: true })
  })

  it('may use names of other schemas', () => {
    const inner = { type: 'record', name: 'in.ner', fields: [{ name: 'x', type: 'string' }] }
    expect(avroReader(record({ name: 'y', type: 'in.ner' }), [inner])(bytes(2, 97))).toEqual({ value: { y: { x: 'a' } }, isAvro: true })
    expect(() => avroReader(record({ name: 'y', type: 'in.ner' }))).toThrow('undefined type name')
  })
})
