import type { EventDefinition } from '../../src/events/catalogue/define-event.ts'

/**
 * The module `src/events/event.ts` for those who install the package: the same types, written out, so that they need neither the catalogue
 * nor the package that infers types from schemas. A test compares both.
 */
export function eventTypesModule(events: readonly EventDefinition[]): string {
  const entries = events.map((event) => `${comment(event)}  ${JSON.stringify(event.type)}: ${typeOf(event.data)}`)
  return `export interface EventData {\n${entries.join('\n')}\n}\n\nexport type EventType = keyof EventData\n`
}

function comment({ summary, deprecated }: EventDefinition): string {
  if (deprecated === undefined) return `  /** ${summary} */\n`
  const successor = deprecated.successor === null ? '' : `; use ${deprecated.successor}`
  return `  /**\n   * ${summary}\n   * @deprecated since ${deprecated.on}${successor}\n   */\n`
}

/** The TypeScript type of a JSON Schema of the keywords that the catalogue allows. */
export function typeOf(schema: unknown): string {
  if (!isSchema(schema)) throw new Error(`${JSON.stringify(schema)} is no schema`)
  if ('const' in schema) return JSON.stringify(schema['const'])
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(' | ')
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((one) => `(${typeOf(one)})`).join(' | ')
  const types: readonly unknown[] = Array.isArray(schema['type']) ? schema['type'] : [schema['type']]
  return types.map((type) => single(type, schema)).join(' | ')
}

function single(type: unknown, schema: Schema): string {
  switch (type) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return type
    case 'integer':
      return 'number'
    case 'array':
      return `(${typeOf(schema['items'])})[]`
    case 'object':
      return objectType(schema)
    default:
      throw new Error(`event-types.ts does not know how TypeScript writes ${JSON.stringify(schema)}`)
  }
}

function objectType({ properties, required }: Schema): string {
  const needed = new Set(Array.isArray(required) ? required : [])
  const fields = Object.entries(isSchema(properties) ? properties : {}).map(([name, schema]) => {
    const description = isSchema(schema) && typeof schema['description'] === 'string' ? `/** ${schema['description']} */ ` : ''
    return `${description}${JSON.stringify(name)}${needed.has(name) ? '' : '?'}: ${typeOf(schema)}`
  })
  return `{ ${fields.join('; ')} }`
}

type Schema = Readonly<Record<string, unknown>>

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
