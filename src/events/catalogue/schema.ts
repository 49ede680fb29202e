import type { XStatic } from 'typebox/schema'

// The schemas are written as JSON Schema: the builder of the same package would load 500 files more.

/** A JSON Schema of an object; fields that it does not name are allowed. */
export interface ObjectSchema extends Readonly<Record<string, unknown>> {
  readonly type: 'object'
  readonly required: readonly string[]
  readonly properties: Readonly<Record<string, object>>
}

export const string = { type: 'string' } as const
export const uuid = { type: 'string', format: 'uuid' } as const
/** Informational only; mails go to the address in the database. */
export const address = { type: 'string', minLength: 1, maxLength: 1_000 } as const

type Fields = ObjectSchema['properties']

/** An object with these fields, and where it has them those. */
export function object<const Required extends Fields>(required: Required): ObjectOf<Required, keyof Required & string>
export function object<const Required extends Fields, const Optional extends Fields>(
  required: Required,
  optional: Optional,
): ObjectOf<Required & Optional, keyof Required & string>
export function object(required: Fields, optional: Fields = {}): ObjectSchema {
  return { type: 'object', required: Object.keys(required), properties: { ...required, ...optional } }
}

interface ObjectOf<Properties extends Fields, Needed extends string> extends ObjectSchema {
  readonly required: readonly Needed[]
  readonly properties: Properties
}

/** The type of what a schema describes. */
export type DataOf<Schema extends ObjectSchema> = Flat<
  {
    -readonly [Field in keyof Schema['properties'] as Field extends Schema['required'][number] ? Field : never]: XStatic<
      Schema['properties'][Field]
    >
  } & {
    -readonly [Field in keyof Schema['properties'] as Field extends Schema['required'][number] ? never : Field]?: XStatic<
      Schema['properties'][Field]
    >
  }
>

type Flat<Type> = { [Field in keyof Type]: Type[Field] }
