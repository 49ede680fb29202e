import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { schemaFault } from '../../../src/events/catalogue/catalogue.ts'
import { defaultsOf } from '../../../src/events/catalogue/defaults.ts'
import { object, string } from '../../../src/events/catalogue/schema.ts'
import { recordsOf, schemas } from '../../support/schema-arbitraries.ts'

const language = { type: 'string', default: 'en' } as const
const fill = (schema: object, value: unknown) => defaultsOf(schema)?.(value) ?? value

it.each<{ where: string; schema: object; value: unknown; filled: unknown }>([
  { where: 'beside others', schema: object({ name: string, language }), value: { name: 'Ada' }, filled: { name: 'Ada', language: 'en' } },
  { where: 'where a value is given', schema: object({ language }), value: { language: 'de' }, filled: { language: 'de' } },
  { where: 'where null is given', schema: object({ language }), value: { language: null }, filled: { language: null } },
  { where: 'in an object', schema: object({ who: object({ language }) }), value: { who: {} }, filled: { who: { language: 'en' } } },
  {
    where: 'in each item of a list',
    schema: object({ people: { type: 'array', items: object({ language }) } }),
    value: { people: [{}, { language: 'de' }] },
    filled: { people: [{ language: 'en' }, { language: 'de' }] },
  },
  {
    where: 'in a field that is not what it should be',
    schema: object({ who: object({ language }) }),
    value: { who: 7 },
    filled: { who: 7 },
  },
  { where: 'in no case of several', schema: { anyOf: [object({ language }), string] }, value: {}, filled: {} },
  { where: 'named like a method', schema: object({ constructor: language }), value: {}, filled: { constructor: 'en' } },
])('a default is filled in $where', ({ schema, value, filled }) => {
  expect(fill(schema, value)).toEqual(filled)
})

it('a schema without defaults costs nothing', () => {
  expect(defaultsOf(object({ name: string, who: object({ name: string }) }))).toBeNull()
})

it('a default of one record is not that of another', () => {
  const complete = defaultsOf(object({ tags: { type: 'array', default: ['new'] } }))
  expect(complete?.({})).toEqual({ tags: ['new'] })
  expect(complete?.({})).not.toBe(complete?.({}))
  const [one, other] = [complete?.({}), complete?.({})].map((filled) => Object.values(filled ?? {})[0])
  expect(one).not.toBe(other)
})

it('whatever is missing, a record whose fields all have defaults becomes one that its schema takes, with what it had', () => {
  const field = schemas.chain((schema) => fc.tuple(fc.constant(schema), recordsOf(schema), recordsOf(schema)))
  const drawn = fc.record({ a: field, b: field, c: field })
  const missing = fc.subarray(['a', 'b', 'c'])
  fc.assert(
    fc.property(drawn, missing, (fields, left) => {
      const schema = object(Object.fromEntries(Object.entries(fields).map(([name, [one, filled]]) => [name, { ...one, default: filled }])))
      const given = Object.entries(fields).flatMap(([name, [, , value]]) => (left.includes(name) ? [] : [[name, value]]))
      const record: unknown = Object.fromEntries(given)
      const filled = fill(schema, record)
      expect(schemaFault(schema, filled)).toBeNull()
      expect(filled).toMatchObject(Object.fromEntries(given))
    }),
    { numRuns: 500 },
  )
})
