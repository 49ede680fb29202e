import { NotInAvro, type AvroSchema, type AvroUnion } from './avro-schema.ts'

/**
 * A value in Avro: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding. Fields that the schema does not have are left out.
 *
 * @throws {NotInAvro} it is not of the schema: a whole number beyond 2^53, or a text with half of a surrogate pair, say
 */
export function avroOf(schema: AvroSchema, value: unknown): Buffer {
  const parts: Buffer[] = []
  write(schema, value, { path: '', parts })
  return Buffer.concat(parts)
}

interface Writing {
  readonly path: string
  readonly parts: Buffer[]
}

function write(schema: AvroSchema, value: unknown, writing: Writing): void {
  const { path, parts } = writing
  if (isUnion(schema)) {
    const index = schema.findIndex((branch) => isOf(branch, value))
    const branch = schema[index]
    if (branch === undefined) throw new NotInAvro(path, 'is none of the cases of its schema')
    parts.push(long(index))
    write(branch, value, writing)
  } else if (!isOf(schema, value)) {
    throw new NotInAvro(path, `is not ${typeof schema === 'string' ? `a ${schema}` : `a ${schema.type}`} of Avro`)
  } else if (typeof schema !== 'string') {
    if (schema.type === 'array') writeList(schema.items, value, writing)
    else for (const { name, type } of schema.fields) write(type, fieldOf(value, name), { path: `${path}/${name}`, parts })
  } else if (typeof value === 'string') {
    const text = Buffer.from(value)
    parts.push(long(text.length), text)
  } else if (typeof value === 'number') {
    parts.push(schema === 'long' ? long(value) : double(value))
  } else if (typeof value === 'boolean') {
    parts.push(Buffer.from([value ? 1 : 0]))
  }
}

function writeList(items: AvroSchema, value: unknown, { path, parts }: Writing): void {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  if (list.length > 0) parts.push(long(list.length))
  for (const item of list) write(items, item, { path: `${path}/*`, parts })
  parts.push(long(0))
}

function isOf(schema: AvroSchema, value: unknown): boolean {
  if (isUnion(schema)) return schema.some((branch) => isOf(branch, value))
  switch (typeof schema === 'string' ? schema : schema.type) {
    case 'null':
      return value === null || value === undefined
    case 'boolean':
      return typeof value === 'boolean'
    case 'long':
      return Number.isSafeInteger(value)
    case 'double':
      return typeof value === 'number'
    case 'string':
      // UTF-8 has no half of a pair.
      return typeof value === 'string' && value.isWellFormed()
    case 'array':
      return Array.isArray(value)
    case 'record':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
}

function isUnion(schema: AvroSchema): schema is AvroUnion {
  return Array.isArray(schema)
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}

/** Zigzag, seven bits a byte, the least significant ones first. */
function long(value: number): Buffer {
  const bytes: number[] = []
  let rest = value >= 0 ? BigInt(value) * 2n : BigInt(value) * -2n - 1n
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

function double(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(value)
  return bytes
}
