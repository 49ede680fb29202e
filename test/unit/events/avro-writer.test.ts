import avsc from 'avsc'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { avroSchemaOf, NotInAvro, type AvroRecord, type AvroSchema } from '../../../src/events/avro-schema.ts'
import { avroOf } from '../../../src/events/avro-writer.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { avroReader } from '../../../src/infra/registry/avro-reader.ts'
import { recordsOf, schemas } from '../../support/schema-arbitraries.ts'

/** As avsc reads it: without nulls that stand for missing fields, and without the classes of its records. */
function readByAvsc(schema: AvroRecord, bytes: Buffer): unknown {
  return withoutMissing(schema, avsc.Type.forSchema(parsed(schema)).fromBuffer(bytes))
}
// oxlint-disable-next-line typescript/no-unsafe-return -- avsc takes any JSON
const parsed = (schema: AvroRecord) => JSON.parse(JSON.stringify(schema))

function readByUs(schema: AvroRecord, bytes: Buffer): unknown {
  const read = avroReader(parsed(schema))(bytes)
  return 'value' in read ? withoutMissing(schema, read.value) : read
}

function withoutMissing(schema: AvroSchema, value: unknown): unknown {
  if (typeof schema === 'string' || typeof value !== 'object' || value === null) return value
  const cases: readonly AvroSchema[] = 'length' in schema ? schema : [schema]
  const [items] = cases.flatMap((one) => (typeof one === 'object' && 'items' in one ? [one.items] : []))
  if (Array.isArray(value)) return value.map((item: unknown) => withoutMissing(items ?? 'null', item))
  const fields = cases.flatMap((one) => (typeof one === 'object' && 'fields' in one ? one.fields : []))
  return Object.fromEntries(
    fields.flatMap(({ name, type, default: missing }) => {
      const one: unknown = Reflect.get(value, name)
      return one === null && missing === null ? [] : [[name, withoutMissing(type, one)]]
    }),
  )
}

/** An event whose `data` has one field of any schema that has a form in Avro, with values of it. */
const written = fc
  .tuple(schemas, fc.boolean())
  .map(([schema, isRequired]) => {
    const data = { type: 'object' as const, required: isRequired ? ['x'] : [], properties: { x: schema } }
    return inAvro(data).map((avro) => ({ schema, isRequired, avro }))
  })
  .filter((forms) => forms.length > 0)
  .chain(([form]) => {
    if (form === undefined) throw new Error('filtered')
    const { schema, isRequired, avro } = form
    return fc.record({ x: recordsOf(schema) }, { requiredKeys: isRequired ? ['x'] : [] }).map((data) => ({ avro, data }))
  })

/** None where it has no form in Avro. */
function inAvro(data: Parameters<typeof avroSchemaOf>[0]['data']): readonly AvroRecord[] {
  try {
    return [avroSchemaOf({ type: 'a.b', version: 1, summary: '', data })]
  } catch (error) {
    if (error instanceof NotInAvro) return []
    throw error
  }
}

const envelope = { id: 'i', type: 'a.b', account_id: 'ä', campaign_id: '', timestamp: '2026-01-01T00:00:00Z' }

describe('what is written in Avro', () => {
  it.each(events)('of the examples of $type is read back equal by avsc and by our reader', (event) => {
    const schema = avroSchemaOf(event)
    const values = event.examples.map(({ data }) => ({ ...envelope, type: event.type, data }))
    const bytes = values.map((value) => avroOf(schema, value))
    expect(bytes.map((one) => readByAvsc(schema, one))).toEqual(values)
    expect(bytes.map((one) => readByUs(schema, one))).toEqual(values)
  })

  it('of any schema of the catalogue is read back equal by avsc and by our reader', () => {
    let withFields = 0
    fc.assert(
      fc.property(written, ({ avro, data }) => {
        if (Object.keys(data).length > 0) withFields += 1
        const value = { ...envelope, data }
        // A field that the schema of an object does not list is allowed there, and not written.
        const bytes = avroOf(avro, { ...value, beside: 1 })
        expect(readByAvsc(avro, bytes)).toEqual(value)
        expect(readByUs(avro, bytes)).toEqual(value)
      }),
      { numRuns: 500 },
    )
    expect(withFields).toBeGreaterThan(100)
  })

  it('of whole numbers is what avsc writes, as far as its numbers are exact, and is read back beyond that', () => {
    const type = avsc.Type.forSchema('long')
    const edge = fc.constantFrom(0, -1, 63, 64, -64, -65, 2 ** 31, -(2 ** 31) - 1, 2 ** 51, -(2 ** 51))
    fc.assert(
      fc.property(fc.oneof(edge, fc.integer(), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })), (value) => {
        expect(avroOf('long', value)).toEqual(type.toBuffer(value))
      }),
    )
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(2 ** 53 - 1, -(2 ** 53) + 1)), (value) => {
        expect(avroReader('long')(avroOf('long', value))).toEqual({ value, isAvro: true })
      }),
    )
  })

  it.each([
    ['a whole number beyond 2^53', 'long', 2 ** 53, '/ is not a long of Avro'],
    ['half of a surrogate pair', 'string', '\ud800', '/ is not a string of Avro'],
    ['another kind', ['null', 'string'], 1, '/ is none of the cases of its schema'],
    ['a missing field', { type: 'record', name: 'r', fields: [{ name: 'f', type: 'string' }] }, {}, '/f is not a string of Avro'],
    ['an item', { type: 'array', items: 'long' }, [1, 'x'], '/* is not a long of Avro'],
  ] as const)('is not %s: it is named', (_, schema, value, sentence) => {
    expect(() => avroOf(schema, value)).toThrow(sentence)
  })
})
