import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import { avroNameOf, avroSchemaOf, NotInAvro } from '../../../src/events/avro-schema.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { object, uuid, type ObjectSchema } from '../../../src/events/catalogue/schema.ts'

const eventOf = (data: ObjectSchema) => ({ type: 'user.tried', version: 1, summary: 'A person tried.', data })

/** The Avro type of a field that has this schema. */
function typeOf(schema: object, isRequired = true): unknown {
  const data = isRequired ? object({ x: schema }) : object({}, { x: schema })
  const envelope = avroSchemaOf(eventOf(data))
  return envelope.fields.find(({ name }) => name === 'data')
}
const required = (type: unknown) => ({
  name: 'data',
  type: { type: 'record', name: 'tried_data', fields: [{ name: 'x', type }] },
})

describe('the Avro form of a field', () => {
  it.each<[string, object, unknown]>([
    ['a text', { type: 'string', minLength: 1, pattern: '^a' }, 'string'],
    ['a uuid', uuid, 'string'],
    ['a whole number', { type: 'integer', minimum: 0 }, 'long'],
    ['a number', { type: 'number' }, 'double'],
    ['a boolean', { type: 'boolean' }, 'boolean'],
    ['listed texts', { enum: ['a', 'b'] }, 'string'],
    ['listed texts and null', { enum: ['a', null] }, ['string', 'null']],
    ['one whole number', { const: 7 }, 'long'],
    ['listed numbers of both kinds', { enum: [1, 1.5] }, 'double'],
    ['a text or null', { type: ['string', 'null'] }, ['string', 'null']],
    ['cases', { anyOf: [{ type: 'string', maxLength: 3 }, { type: 'boolean' }] }, ['string', 'boolean']],
    ['cases of one kind', { anyOf: [{ type: 'string', maxLength: 3 }, { enum: ['long'] }] }, 'string'],
    ['a whole number or another', { type: ['integer', 'number'] }, 'double'],
    ['a list', { type: 'array', items: { type: 'integer' } }, { type: 'array', items: 'long' }],
    [
      'a list of objects',
      { type: 'array', items: object({ y: uuid }) },
      { type: 'array', items: { type: 'record', name: 'tried_data_x', fields: [{ name: 'y', type: 'string' }] } },
    ],
  ])('of %s', (_, schema, type) => {
    expect(typeOf(schema)).toEqual(required(type))
  })

  it('of one that may be missing is a union with null, null being its default', () => {
    expect(typeOf({ type: 'string' }, false)).toMatchObject({ type: { fields: [{ name: 'x', type: ['null', 'string'], default: null }] } })
    expect(typeOf({ type: ['string', 'boolean'] }, false)).toMatchObject({
      type: { fields: [{ name: 'x', type: ['null', 'string', 'boolean'], default: null }] },
    })
  })

  it('has its description', () => {
    expect(typeOf({ type: 'string', description: 'Why.' })).toMatchObject({ type: { fields: [{ name: 'x', doc: 'Why.' }] } })
  })

  it.each<[string, ObjectSchema, string]>([
    ['anything', object({ x: {} }), '/data/x may be anything'],
    ['an object of any fields', object({ x: object({}) }), '/data/x is an object whose fields are not listed'],
    ['items of anything', object({ x: { type: 'array' } }), '/data/x/* may be anything'],
    ['listed objects', object({ x: { enum: [{}] } }), '/data/x is a listed object or list'],
    ['two objects', object({ x: { anyOf: [object({ y: uuid }), object({ z: uuid })] } }), '/data/x has two cases that are objects'],
    [
      'missing and null',
      object({}, { x: { type: ['string', 'null'] } }),
      '/data/x may be missing and may be null, which are the same in Avro',
    ],
    ['a name with a hyphen', object({ 'a-b': uuid }), '/data/a-b has a name that Avro does not allow'],
    [
      'one name for two records',
      object({ a: object({ b: object({ c: uuid }) }), a_b: object({ c: uuid }) }),
      '/data/a_b has the record name tried_data_a_b of another field',
    ],
  ])('does not exist for %s', (_, data, sentence) => {
    expect(() => avroSchemaOf(eventOf(data))).toThrow(NotInAvro)
    expect(() => avroSchemaOf(eventOf(data))).toThrow(sentence)
  })
})

describe('the Avro schema of an event', () => {
  it.each(events)('of $type is valid, under its name', (event) => {
    const type = avsc.Type.forSchema(JSON.parse(JSON.stringify(avroSchemaOf(event))))
    expect(type.name).toBe(event.type)
    expect(type.doc).toBe(event.summary)
  })

  it('has another name in each version that older readers cannot read', () => {
    expect(avroNameOf({ type: 'user.tried', version: 1 })).toBe('user.tried')
    expect(avroNameOf({ type: 'user.tried', version: 2 })).toBe('user.tried_v2')
  })
})
