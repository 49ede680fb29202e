/**
 * The schema as a writer keeps it: no object has a field that its schema does not name. An object whose schema names none may have any, as in
 * the comparison of catalogues.
 */
export function closed(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { properties, items, anyOf } = schema
  return {
    ...schema,
    ...(isObject(properties) ? { properties: mapped(properties), additionalProperties: false } : {}),
    ...(isObject(items) ? { items: closed(items) } : {}),
    ...(Array.isArray(anyOf) ? { anyOf: anyOf.map((one: unknown) => (isObject(one) ? closed(one) : one)) } : {}),
  }
}

function mapped(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, isObject(property) ? closed(property) : property]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
