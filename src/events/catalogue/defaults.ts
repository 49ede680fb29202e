/** Completes a value by the defaults of its schema; changes nothing that it is given. */
export type Fill = (value: unknown) => unknown

/**
 * What fills in the fields that are missing and have a `default`, at any depth of objects and lists; null where the schema has none. Cases of an
 * `anyOf` are left as they are: which of them a value is may depend on what is missing.
 */
export function defaultsOf(schema: unknown): Fill | null {
  if (!isObject(schema)) return null
  const { properties, items } = schema
  const fields = Object.entries(isObject(properties) ? properties : {}).flatMap(([name, property]) => {
    const field = { name, fill: defaultsOf(property), missing: isObject(property) ? property['default'] : undefined }
    return field.fill === null && field.missing === undefined ? [] : [field]
  })
  const fillItem = defaultsOf(items)
  if (fields.length === 0 && fillItem === null) return null
  return (value) => {
    if (Array.isArray(value)) return fillItem === null ? value : value.map(fillItem)
    if (!isObject(value)) return value
    const filled: Record<string, unknown> = { ...value }
    for (const { name, fill, missing } of fields) {
      if (!Object.hasOwn(value, name)) {
        if (missing !== undefined) filled[name] = structuredClone(missing)
      } else if (fill !== null) filled[name] = fill(value[name])
    }
    return filled
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
