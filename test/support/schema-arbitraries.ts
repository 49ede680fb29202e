import * as fc from 'fast-check'
import { casesOf, itemsOf, propertiesOf, requiredOf, valuesOf, type Schema } from '../../src/catalogue/json-schema.ts'

const bounds = fc.tuple(fc.nat(4), fc.nat(4)).map(([least, more]) => [least, least + more] as const)
const some = (schema: Schema, keys: readonly string[]) => Object.fromEntries(Object.entries(schema).filter(([key]) => keys.includes(key)))
const names = ['a', 'b', 'c'] as const

const texts: fc.Arbitrary<Schema> = fc.oneof(
  bounds.chain(([minLength, maxLength]) =>
    fc.subarray(['minLength', 'maxLength']).map((keys) => ({ type: 'string', ...some({ minLength, maxLength }, keys) })),
  ),
  fc.constantFrom('uuid', 'date-time').map((format) => ({ type: 'string', format })),
)
const numbers: fc.Arbitrary<Schema> = fc
  .tuple(fc.constantFrom('integer', 'number'), bounds, fc.boolean(), fc.boolean())
  .chain(([type, [least, most], isLeastOut, isMostOut]) => {
    const limits = { [isLeastOut ? 'exclusiveMinimum' : 'minimum']: least - 2, [isMostOut ? 'exclusiveMaximum' : 'maximum']: most + 2 }
    return fc.subarray(Object.keys(limits)).map((keys) => ({ type, ...some(limits, keys) }))
  })
const values: fc.Arbitrary<Schema> = fc.oneof(
  fc.uniqueArray(fc.constantFrom<unknown>('a', 'b', 1, null, true), { minLength: 1 }).map((list) => ({ enum: list })),
  fc.constantFrom<unknown>('a', 2).map((value) => ({ const: value })),
)

/** Schemas of the keywords of the catalogue, each with at least one record. */
export const schemas: fc.Arbitrary<Schema> = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'schema' },
    texts,
    numbers,
    values,
    fc.constantFrom<Schema>({ type: 'null' }, { type: 'boolean' }),
    fc
      .tuple(tie('schema'), bounds, fc.subarray(['minItems', 'maxItems']))
      .map(([items, [minItems, maxItems], keys]) => ({ type: 'array', items, ...some({ minItems, maxItems }, keys) })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc
      .tuple(fc.subarray([...names]), fc.array(tie('schema'), { minLength: 3, maxLength: 3 }), fc.subarray([...names]))
      .map(([has, those, required]) => ({
        type: 'object',
        properties: Object.fromEntries(has.map((name, index) => [name, those[index] ?? {}])),
        required: required.filter((name) => has.includes(name)),
      })),
  ),
})).schema

/** A schema that differs from another in one place, if at all. */
export function changed(schema: Schema): fc.Arbitrary<Schema> {
  const properties = propertiesOf(schema)
  const fields = Object.keys(properties)
  if ('properties' in schema) {
    const field = fc.constantFrom(...names)
    return fc.oneof(
      field.map((name) => ({
        ...schema,
        properties: Object.fromEntries(Object.entries(properties).filter(([own]) => own !== name)),
        required: requiredOf(schema).filter((own) => own !== name),
      })),
      fc.tuple(field, schemas).map(([name, added]) => ({ ...schema, properties: { ...properties, [name]: added } })),
      fc.subarray(fields).map((required) => ({ ...schema, required })),
      ...fields.map((name) => changed(properties[name] ?? {}).map((one) => ({ ...schema, properties: { ...properties, [name]: one } }))),
    )
  }
  if ('items' in schema) return changed(itemsOf(schema)).map((items) => ({ ...schema, items }))
  return fc
    .subarray(Object.keys(schema), { minLength: 1 })
    .map((keys) => ({ ...some(schema, keys), ...('type' in schema ? { type: schema['type'] } : schema) }))
}

/** Records that a strict writer may write. */
export function recordsOf(schema: Schema): fc.Arbitrary<unknown> {
  const cases = casesOf(schema)
  if (cases !== null) return fc.oneof(...cases.map(recordsOf))
  const listed = valuesOf(schema)
  if (listed !== null) return fc.constantFrom(...listed)
  const number = (keyword: string, absent: number) => (typeof schema[keyword] === 'number' ? schema[keyword] : absent)
  switch (schema['type']) {
    case 'string':
      if (schema['format'] === 'uuid') return fc.uuid()
      if (schema['format'] === 'date-time')
        return fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((at) => at.toISOString())
      return fc.string({
        unit: fc.constantFrom('a', 'b', 'Z', ' ', '0'),
        minLength: number('minLength', 0),
        maxLength: number('maxLength', 12),
      })
    case 'integer':
    case 'number': {
      const [least, most] = [
        Math.max(number('minimum', -20), number('exclusiveMinimum', -21) + 1),
        Math.min(number('maximum', 20), number('exclusiveMaximum', 21) - 1),
      ]
      return fc
        .integer({ min: least, max: Math.max(least, most) })
        .map((whole) => (schema['type'] === 'number' && whole < most ? whole + 0.5 : whole))
    }
    case 'array':
      return fc.array(recordsOf(itemsOf(schema)), { minLength: number('minItems', 0), maxLength: number('maxItems', 6) })
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    default: {
      const required = [...requiredOf(schema)]
      return fc.record(Object.fromEntries(Object.entries(propertiesOf(schema)).map(([name, one]) => [name, recordsOf(one)])), {
        requiredKeys: required,
      })
    }
  }
}
