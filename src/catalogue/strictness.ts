import type { Schema } from './json-schema.ts'

/** How strictly both sides work. */
export interface Strictness {
  /** `strict`: writes no field that its schema does not name. */
  readonly writer: 'strict' | 'lenient'
  /** `open`: ignores fields that its schema does not name. */
  readonly reader: 'open' | 'closed'
}

/** Writers closed, readers open: the publisher validates strictly, a consumer ignores what it does not know. */
export const catalogueStrictness: Strictness = { writer: 'strict', reader: 'open' }

/** Where a schema names no fields, not even a strict writer is bound to any. */
export function isLenientWriter(schema: Schema, { writer }: Strictness): boolean {
  return writer === 'lenient' || !('properties' in schema)
}
