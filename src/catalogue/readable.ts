import { casesOf, itemsOf, propertiesOf, requiredOf, type Schema } from './json-schema.ts'
import type { Strictness } from './strictness.ts'

/** What a reader accepts: fields with a default may be missing, and a closed one takes no others than those that it names. */
export function readable(schema: Schema, how: Strictness): Schema {
  const cases = casesOf(schema)
  if (cases !== null) return { ...schema, anyOf: cases.map((one) => readable(one, how)) }
  const properties = propertiesOf(schema)
  const isObject = 'properties' in schema || 'required' in schema
  return {
    ...schema,
    ...('items' in schema ? { items: readable(itemsOf(schema), how) } : {}),
    ...(isObject
      ? {
          properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, readable(one, how)])),
          required: requiredOf(schema).filter((name) => properties[name]?.['default'] === undefined),
          ...(how.reader === 'closed' && 'properties' in schema ? { additionalProperties: false } : {}),
        }
      : {}),
  }
}
