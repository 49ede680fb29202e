import type { ReadJson } from './read-json.ts'

/** What the bytes of a value say, read by the schema that they were written with. */
export type ReadValue =
  | ReadJson
  /** It has null for what is missing. */
  | { readonly value: unknown; readonly isAvro: true }
  | { readonly reason: 'unknown-schema' | 'unreadable-schema' | 'not-avro'; readonly detail: string }

/** Reads what follows the id of one schema. Never throws. */
export type ValueReader = (payload: Uint8Array) => ReadValue

/** The schemas that values were written with, by their ids in a schema registry. */
export type WriterSchemas = ReadonlyMap<number, ValueReader>

/**
 * Where a schema registry is used, a value begins with a zero byte and the id of its schema, in four bytes, the most significant one first:
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
const MAGIC = 0
const PREFIX_BYTES = 5

/** Whether a value is in that format, which no JSON begins like. Costs the look at one byte. */
export function isFramed(value: Uint8Array): boolean {
  return value[0] === MAGIC
}

/** The id of the schema that a value was written with; null for any other value, and for one that ends before its id does. */
export function schemaIdOf(value: Uint8Array | null): number | null {
  if (value === null || value.length < PREFIX_BYTES || !isFramed(value)) return null
  return new DataView(value.buffer, value.byteOffset, PREFIX_BYTES).getUint32(1)
}

/** Reads a value in that format by one of these schemas. Never throws. */
export function readFramed(value: Uint8Array, schemas: WriterSchemas): ReadValue {
  const id = schemaIdOf(value)
  if (id === null) return { reason: 'not-json', detail: `the value begins with a zero byte and has only ${value.length} bytes` }
  const reader = schemas.get(id)
  if (reader === undefined)
    return {
      reason: 'not-json',
      detail: `the value names schema ${id} of a schema registry, and none is set: set KAFKA_SCHEMA_REGISTRY_URL`,
    }
  return reader(value.subarray(PREFIX_BYTES))
}

/** A value in that format. */
export function framed(schemaId: number, payload: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(PREFIX_BYTES + payload.length)
  value[0] = MAGIC
  value.writeUInt32BE(schemaId, 1)
  value.set(payload, PREFIX_BYTES)
  return value
}
