import type { Fill } from './defaults.ts'

/**
 * What leaves out the fields that may be missing and are null, where their schema does not allow null: Avro has null for what is missing. At any
 * depth of objects and lists; null where the schema has no such field. Cases of an `anyOf` are left as they are.
 */
export function withoutNullsOf(schema: unknown): Fill | null {
  if (!isObject(schema)) return null
  const { properties, items, required } = schema
  const needed: readonly unknown[] = Array.isArray(required) ? required : []
  const fields = new Map(
    Object.entries(isObject(properties) ? properties : {}).flatMap(([name, property]) => {
      const within = withoutNullsOf(property)
      const isLeftOut = !needed.includes(name) && !allowsNull(property)
      return within === null && !isLeftOut ? [] : [[name, { within, isLeftOut }] as const]
    }),
  )
  const ofItem = withoutNullsOf(items)
  if (fields.size === 0 && ofItem === null) return null
  return (value) => {
    if (Array.isArray(value)) return ofItem === null ? value : value.map(ofItem)
    if (!isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, one]) => {
        const field = fields.get(name)
        if (field?.isLeftOut === true && one === null) return []
        return [[name, field?.within?.(one) ?? one]]
      }),
    )
  }
}

function allowsNull(schema: unknown): boolean {
  if (!isObject(schema)) return true
  const { type, anyOf } = schema
  if (Array.isArray(anyOf)) return anyOf.some(allowsNull)
  if ('const' in schema) return schema['const'] === null
  if (Array.isArray(schema['enum'])) return schema['enum'].includes(null)
  return type === undefined || (Array.isArray(type) ? type.includes('null') : type === 'null')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
