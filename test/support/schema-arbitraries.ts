import * as fc from 'fast-check'
import { casesOf, itemsOf, propertiesOf, requiredOf, valuesOf, type Schema } from '../../src/catalogue/json-schema.ts'

const bounds = fc.tuple(fc.nat(4), fc.nat(4)).map(([least, more]) => [least, least + more] as const)
const some = (schema: Schema, keys: readonly string[]) => Object.fromEntries(Object.entries(schema).filter(([key]) => keys.includes(key)))
const names = ['a', 'b', 'c'] as const

const plainTexts: fc.Arbitrary<Schema> = fc.oneof(
  bounds.chain(([minLength, maxLength]) =>
    fc.subarray(['minLength', 'maxLength']).map((keys) => ({ type: 'string', ...some({ minLength, maxLength }, keys) })),
  ),
  fc.constantFrom('uuid', 'date-time').map((format) => ({ type: 'string', format })),
)
const texts: fc.Arbitrary<Schema> = fc.oneof(
  { weight: 2, arbitrary: plainTexts },
  // Of texts of any length, each with an example, as a pattern alone names no text.
  bounds.chain(([minLength, maxLength]) =>
    fc
      .tuple(fc.constantFrom('a', 'b', '0'), fc.subarray(['minLength', 'maxLength']))
      .map(([one, keys]) => ({ type: 'string', pattern: `^${one}*$`, examples: [one], ...some({ minLength, maxLength }, keys) })),
  ),
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
const simple = fc.oneof(plainTexts, numbers, values)
const several: fc.Arbitrary<Schema> = fc
  .tuple(
    fc.subarray(['null', 'boolean', 'integer', 'string'], { minLength: 2 }),
    fc.subarray(['minLength', 'maxLength', 'minimum', 'maximum']),
    bounds,
  )
  .map(([type, keys, [least, most]]) => ({ type, ...some({ minLength: least, maxLength: most, minimum: least, maximum: most }, keys) }))

/** With a value that a reader fills in where a field is missing. */
function withDefault(schema: Schema): fc.Arbitrary<Schema> {
  return recordsOf(schema).map((value) => ({ ...schema, default: value }))
}

const maybeWithDefault = (schema: Schema) => fc.oneof({ weight: 3, arbitrary: fc.constant(schema) }, withDefault(schema))

/** Schemas of the keywords of the catalogue, each with at least one record. */
export const schemas: fc.Arbitrary<Schema> = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'schema' },
    texts,
    numbers,
    values,
    fc.constantFrom<Schema>({ type: 'null' }, { type: 'boolean' }, {}),
    several,
    fc
      .tuple(tie('schema'), bounds, fc.subarray(['minItems', 'maxItems']))
      .map(([items, [minItems, maxItems], keys]) => ({ type: 'array', items, ...some({ minItems, maxItems }, keys) })),
    // Without a least number, and of items of which there are enough or few that are listed: there may be fewer values than a bound.
    fc
      .tuple(simple, bounds, fc.subarray(['maxItems']))
      .map(([items, [, maxItems], keys]) => ({ type: 'array', items, uniqueItems: true, ...some({ maxItems }, keys) })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc
      .tuple(
        fc.subarray([...names]),
        fc.array(tie('schema').chain(maybeWithDefault), { minLength: 3, maxLength: 3 }),
        fc.subarray([...names]),
      )
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
  const cases = casesOf(schema)
  if (cases !== null) {
    const at = fc.nat(cases.length - 1)
    return fc.oneof(
      at.chain((index) => changed(cases[index] ?? {}).map((one) => ({ ...schema, anyOf: cases.with(index, one) }))),
      schemas.map((added) => ({ ...schema, anyOf: [...cases, added] })),
      at.map((index) => ({ ...schema, anyOf: cases.length === 1 ? cases : cases.toSpliced(index, 1) })),
    )
  }
  const listed = valuesOf(schema)
  if (listed !== null) {
    const { enum: _, const: __, ...rest } = schema
    return fc.oneof(
      fc.subarray([...listed], { minLength: 1 }).map((less) => ({ ...rest, enum: less })),
      fc.constantFrom('c', 7, false).map((more) => ({ ...rest, enum: [...listed, more] })),
      fc.constantFrom(...listed).map((one) => ({ ...rest, const: one })),
    )
  }
  if ('items' in schema)
    return fc.oneof(
      changed(itemsOf(schema)).map((items) => ({ ...schema, items })),
      fc.subarray(['maxItems', 'uniqueItems']).map((keys) => some(schema, ['type', 'items', ...keys])),
    )
  const { type } = schema
  return fc
    .tuple(
      fc.subarray(Object.keys(schema).filter((key) => key !== 'type')),
      Array.isArray(type) ? fc.subarray(type, { minLength: 1 }) : fc.constant(type),
    )
    .map(([keys, kept]) => ({ ...some(schema, keys), ...('type' in schema ? { type: kept } : {}) }))
}

/** Records that a strict writer may write. */
export function recordsOf(schema: Schema): fc.Arbitrary<unknown> {
  const cases = casesOf(schema)
  if (cases !== null) return fc.oneof(...cases.map(recordsOf))
  const listed = valuesOf(schema)
  if (listed !== null) return fc.constantFrom(...listed)
  const number = (keyword: string, absent: number) => (typeof schema[keyword] === 'number' ? schema[keyword] : absent)
  const type = schema['type']
  if (type === undefined) return fc.constantFrom<unknown>(null, true, 1, 0.5, 'x', [1], {}, { a: 1 })
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => recordsOf({ ...schema, type: one })))
  switch (type) {
    case 'string':
      if ('pattern' in schema)
        return fc
          .integer({ min: number('minLength', 0), max: number('maxLength', 12) })
          .map((length) => String(schema['pattern']).charAt(1).repeat(length))
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
      return schema['uniqueItems'] === true
        ? fc.uniqueArray(recordsOf(itemsOf(schema)), { maxLength: number('maxItems', 6), selector: (item) => JSON.stringify(item) })
        : fc.array(recordsOf(itemsOf(schema)), { minLength: number('minItems', 0), maxLength: number('maxItems', 6) })
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
