/** A JSON Schema of the keywords that {@link keywords} has; `true` and `false` are written as `{}` and `{ not: {} }` by none of ours. */
export type Schema = Readonly<Record<string, unknown>>

/**
 * Keywords that mean the same in draft-07 and in 2020-12, so that every tool reads the same schema, and that can be compared. `items` is one
 * schema: a list of schemas means something else in each of them.
 */
export const keywords: ReadonlySet<string> = new Set([
  'type',
  'enum',
  'const',
  'anyOf',
  'title',
  'description',
  'default',
  'examples',
  'format',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'properties',
  'required',
  'items',
  'minItems',
  'maxItems',
  'uniqueItems',
])

/** Keywords that refuse nothing. */
export const annotations: ReadonlySet<string> = new Set(['title', 'description', 'default', 'examples'])

/** Keywords that refuse something beside the cases of a schema, which say then only half of what it allows. */
export function besideCases(schema: Schema): readonly string[] {
  return 'anyOf' in schema ? Object.keys(schema).filter((keyword) => keyword !== 'anyOf' && !annotations.has(keyword)) : []
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const anyType = ['null', 'boolean', 'number', 'string', 'array', 'object'] as const

/** What `type` may say. */
export const typeNames: readonly string[] = [...anyType, 'integer']

export function typesOf({ type }: Schema): readonly string[] {
  if (typeof type === 'string') return [type]
  return Array.isArray(type) ? type.map(String) : anyType
}

/** The only values that it allows; null where they are not listed. */
export function valuesOf(schema: Schema): readonly unknown[] | null {
  if ('const' in schema) return [schema['const']]
  return Array.isArray(schema['enum']) ? schema['enum'] : null
}

/** The values of a schema that has few, listed or not; null for others. */
export function allValuesOf(schema: Schema): readonly unknown[] | null {
  const listed = valuesOf(schema)
  if (listed !== null) return listed
  const values: unknown[] = []
  for (const type of typesOf(schema)) {
    const own = fewOf(type, schema)
    if (own === null) return null
    values.push(...own)
  }
  return values
}

function fewOf(type: string, schema: Schema): readonly unknown[] | null {
  const [least, greatest] = [leastOf({ ...schema, type }).at, greatestOf({ ...schema, type }).at]
  switch (type) {
    case 'null':
      return [null]
    case 'boolean':
      return [true, false]
    case 'integer':
      return greatest - least < FEW ? Array.from({ length: greatest - least + 1 }, (_, index) => least + index) : null
    case 'number':
      return least === greatest ? [least] : null
    case 'string':
      return numberOf(schema, 'maxLength', Infinity) === 0 ? [''] : null
    case 'array':
      return numberOf(schema, 'maxItems', Infinity) === 0 ? [[]] : null
    default:
      return null
  }
}

const FEW = 50

/** One of these has to fit; null where there are none. */
export function casesOf({ anyOf }: Schema): readonly Schema[] | null {
  return Array.isArray(anyOf) ? anyOf.filter(isSchema) : null
}

/** The schema, or its cases and theirs. */
export function everyCaseOf(schema: Schema): readonly Schema[] {
  return casesOf(schema)?.flatMap(everyCaseOf) ?? [schema]
}

export function propertiesOf({ properties }: Schema): Readonly<Record<string, Schema>> {
  if (!isSchema(properties)) return {}
  return Object.fromEntries(Object.entries(properties).flatMap(([name, one]) => (isSchema(one) ? [[name, one]] : [])))
}

/** Every field at any depth, by its path: a JSON pointer, `*` for every item. */
export function fieldsOf(schema: Schema, path = ''): ReadonlyMap<string, Schema> {
  const fields = everyCaseOf(schema).flatMap((one) => [
    ...Object.entries(propertiesOf(one)).flatMap(([name, field]): readonly (readonly [string, Schema])[] => [
      [`${path}/${name}`, field],
      ...fieldsOf(field, `${path}/${name}`),
    ]),
    ...('items' in one ? fieldsOf(itemsOf(one), `${path}/*`) : []),
  ])
  return new Map(fields)
}

export function requiredOf({ required }: Schema): readonly string[] {
  return Array.isArray(required) ? required.map(String) : []
}

export function itemsOf({ items }: Schema): Schema {
  return isSchema(items) ? items : {}
}

export function numberOf(schema: Schema, keyword: string, absent: number): number {
  const value = schema[keyword]
  return typeof value === 'number' ? value : absent
}

/** The least number that it allows, and whether that itself is left out. */
export function leastOf(schema: Schema): { readonly at: number; readonly isOut: boolean } {
  const [least, above] = [numberOf(schema, 'minimum', -Infinity), numberOf(schema, 'exclusiveMinimum', -Infinity)]
  if (isWhole(schema)) return { at: Math.max(Math.ceil(least), Math.floor(above) + 1), isOut: false }
  return above >= least && above !== -Infinity ? { at: above, isOut: true } : { at: least, isOut: false }
}

/** The same of the greatest. */
export function greatestOf(schema: Schema): ReturnType<typeof leastOf> {
  const [greatest, below] = [numberOf(schema, 'maximum', Infinity), numberOf(schema, 'exclusiveMaximum', Infinity)]
  if (isWhole(schema)) return { at: Math.min(Math.floor(greatest), Math.ceil(below) - 1), isOut: false }
  return below <= greatest && below !== Infinity ? { at: below, isOut: true } : { at: greatest, isOut: false }
}

function isWhole(schema: Schema): boolean {
  const types = typesOf(schema)
  return types.includes('integer') && !types.includes('number')
}
