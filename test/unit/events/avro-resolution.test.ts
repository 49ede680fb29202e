import avsc from 'avsc'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { avroSchemaOf, type AvroRecord, type AvroSchema } from '../../../src/events/avro-schema.ts'
import { catalogue, eventTypes } from '../../../src/events/catalogue/catalogue.ts'
import { decode } from '../../../src/events/decode.ts'
import { framed } from '../../../src/events/framed-value.ts'
import { avroReader } from '../../../src/infra/registry/avro-reader.ts'
import { sampleEvent } from '../../support/sample-event.ts'

interface Writer {
  readonly schema: object
  /** A value of it that says the same as an event. */
  readonly value: (event: object) => object
}

/** Another writer's schema of a record: its fields in any order, among more, with `int` for `long`, and optional ones that are always there. */
function writerOf(reader: AvroRecord): fc.Arbitrary<Writer> {
  const own = reader.fields.map(({ name, type }) =>
    typeOf(type).map(({ schema, value }) => ({ name, type: schema, value: (record: object) => value(Reflect.get(record, name)) })),
  )
  const more = fc.constantFrom<{ type: unknown; value: unknown }>(
    { type: 'boolean', value: true },
    { type: ['null', 'double'], value: 0.5 },
    { type: { type: 'map', values: 'string' }, value: { a: 'b' } },
    { type: { type: 'array', items: 'long' }, value: [1, 2 ** 40] },
    { type: 'bytes', value: Buffer.from('x') },
  )
  return fc
    .tuple(fc.tuple(...own), fc.array(more, { maxLength: 3 }))
    .map(([fields, extra]) => [...fields, ...extra.map(({ type, value }, index) => ({ name: `extra_${index}`, type, value: () => value }))])
    .chain((fields) => fc.shuffledSubarray(fields, { minLength: fields.length }))
    .map((fields) => ({
      schema: { ...reader, fields: fields.map(({ name, type }) => ({ name, type })) },
      value: (record) => Object.fromEntries(fields.map(({ name, value }) => [name, value(record)])),
    }))
}

function typeOf(type: AvroSchema): fc.Arbitrary<{ readonly schema: unknown; readonly value: (value: unknown) => unknown }> {
  if (typeof type === 'object' && 'fields' in type)
    return writerOf(type).map(({ schema, value }) => ({ schema, value: (record) => value(Object(record)) }))
  if (type === 'long') return fc.constantFrom('int', 'long').map((schema) => ({ schema, value: (value) => value }))
  return fc.constant({ schema: type, value: (value) => value ?? null })
}

it.each(eventTypes)('%s of any writer is the event that avsc resolves from the schema of its writer to ours', (type) => {
  const reader = avroSchemaOf(catalogue[type])
  const ours = avsc.Type.forSchema(JSON.parse(JSON.stringify(reader)))
  const event = sampleEvent(type)
  const headers = { 'event-type': Buffer.from(type), 'event-version': Buffer.from('1') }
  fc.assert(
    fc.property(writerOf(reader), ({ schema, value }) => {
      const theirs = avsc.Type.forSchema(JSON.parse(JSON.stringify(schema)))
      const bytes = theirs.toBuffer(value(event))
      const resolved = Buffer.from(JSON.stringify(ours.fromBuffer(bytes, ours.createResolver(theirs))))
      const expected = decode({ value: resolved, headers }, { maxBytes: 10_000 })
      expect(expected).toEqual({ is: 'event', event })
      const read = decode({ value: framed(7, bytes), headers }, { maxBytes: 10_000 }, new Map([[7, avroReader(schema)]]))
      expect(read).toMatchObject(expected)
    }),
  )
})
