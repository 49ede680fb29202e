import { envelopeSchema } from './catalogue/catalogue.ts'
import type { EventDefinition } from './catalogue/define-event.ts'

/** https://avro.apache.org/docs/1.12.0/specification/#schema-declaration */
export type AvroSchema = AvroPrimitive | AvroUnion | AvroList | AvroRecord
export type AvroPrimitive = 'null' | 'boolean' | 'long' | 'double' | 'string'
export type AvroUnion = readonly AvroSchema[]

export interface AvroList {
  readonly type: 'array'
  readonly items: AvroSchema
}

export interface AvroRecord {
  readonly type: 'record'
  readonly name: string
  readonly namespace?: string
  readonly doc?: string
  readonly fields: readonly AvroField[]
}

interface AvroField {
  readonly name: string
  readonly doc?: string
  readonly type: AvroSchema
  /** Of a field that may be missing: Avro has null for that. */
  readonly default?: null
}

/** A schema or value that Avro has no form for; the message begins with its path. */
export class NotInAvro extends Error {
  override readonly name = 'NotInAvro'
  readonly path: string
  readonly why: string

  constructor(path: string, why: string) {
    super(`${path === '' ? '/' : path} ${why}`)
    this.path = path
    this.why = why
  }
}

/** The full name of the record of an event, and the subject of its schema: a version that older readers cannot read has another one. */
export function avroNameOf({ type, version }: Pick<EventDefinition, 'type' | 'version'>): string {
  return version === 1 ? type : `${type}_v${version}`
}

/**
 * The Avro schema of an event with its envelope. Lengths, ranges, patterns and formats remain rules of the catalogue, as Avro has none.
 *
 * @throws {NotInAvro} a field has no form in Avro
 */
export function avroSchemaOf(event: Pick<EventDefinition, 'type' | 'version' | 'data' | 'summary'>): AvroRecord {
  const fullName = avroNameOf(event)
  const dot = fullName.lastIndexOf('.')
  const fields = { ...envelopeSchema.properties, data: event.data }
  const record = recordOf({ properties: fields, required: envelopeSchema.required }, '', {
    name: fullName.slice(dot + 1),
    taken: new Set(),
  })
  return { ...record, ...(dot === -1 ? {} : { namespace: fullName.slice(0, dot) }), doc: event.summary }
}

type Schema = Readonly<Record<string, unknown>>

interface Naming {
  readonly name: string
  readonly taken: Set<string>
}

function recordOf(schema: Schema, path: string, { name, taken }: Naming): AvroRecord {
  if (taken.has(name)) throw new NotInAvro(path, `has the record name ${name} of another field`)
  taken.add(name)
  const { properties, required } = schema
  if (!isSchema(properties) || Object.keys(properties).length === 0) throw new NotInAvro(path, 'is an object whose fields are not listed')
  const needed: readonly unknown[] = Array.isArray(required) ? required : []
  const fields = Object.entries(properties).map(([field, of]): AvroField => {
    const at = `${path}/${field}`
    // https://avro.apache.org/docs/1.12.0/specification/#names
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(field)) throw new NotInAvro(at, 'has a name that Avro does not allow')
    const type = avroTypeOf(of, at, { name: `${name}_${field}`, taken })
    const doc = isSchema(of) && typeof of['description'] === 'string' ? { doc: of['description'] } : {}
    if (needed.includes(field)) return { name: field, ...doc, type }
    const cases = Array.isArray(type) ? type : [type]
    if (cases.includes('null')) throw new NotInAvro(at, 'may be missing and may be null, which are the same in Avro')
    return { name: field, ...doc, type: ['null', ...cases], default: null }
  })
  return { type: 'record', name, fields }
}

type Kind = AvroPrimitive | 'array' | 'object'

/** A schema has one case, or several that Avro can tell apart. */
function avroTypeOf(schema: unknown, path: string, naming: Naming): AvroSchema {
  const cases = casesOf(schema, path)
  const byKind = new Map<Kind, Schema>()
  for (const [kind, of] of cases) {
    if ((kind === 'object' || kind === 'array') && byKind.has(kind)) throw new NotInAvro(path, `has two cases that are ${kind}s`)
    byKind.set(kind, of)
  }
  if (byKind.has('double')) byKind.delete('long')
  const types = [...byKind].map(([kind, of]): AvroSchema => {
    if (kind === 'object') return recordOf(of, path, naming)
    return kind === 'array' ? { type: 'array', items: avroTypeOf(of['items'], `${path}/*`, naming) } : kind
  })
  const [first, ...others] = types
  if (first === undefined) throw new NotInAvro(path, 'allows nothing')
  return others.length === 0 ? first : types
}

function casesOf(schema: unknown, path: string): readonly (readonly [Kind, Schema])[] {
  if (!isSchema(schema)) throw new NotInAvro(path, 'may be anything')
  const { anyOf, type } = schema
  if (Array.isArray(anyOf)) return anyOf.flatMap((one: unknown) => casesOf(one, path))
  const values: readonly unknown[] | null = 'const' in schema ? [schema['const']] : Array.isArray(schema['enum']) ? schema['enum'] : null
  if (values !== null) return [...new Set(values.map((value) => kindOfValue(value, path)))].map((kind) => [kind, schema])
  const types: readonly unknown[] = Array.isArray(type) ? type : [type]
  return types.map((one) => {
    const kind = typeof one === 'string' ? kindOfType[one] : undefined
    if (kind === undefined) throw new NotInAvro(path, 'may be anything')
    return [kind, schema]
  })
}

const kindOfType: Readonly<Record<string, Kind>> = {
  null: 'null',
  boolean: 'boolean',
  integer: 'long',
  number: 'double',
  string: 'string',
  array: 'array',
  object: 'object',
}

function kindOfValue(value: unknown, path: string): AvroPrimitive {
  if (value === null) return 'null'
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'long' : 'double'
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value === 'string' ? 'string' : 'boolean'
  throw new NotInAvro(path, 'is a listed object or list')
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
