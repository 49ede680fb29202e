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
type Name<Some extends Fields> = keyof Some & string

/** An object with these fields, and where it has them those. */
export function object<const Required extends Fields, const Optional extends Fields = Record<never, never>>(
  required: Required,
  optional?: Optional,
): { readonly type: 'object'; readonly required: readonly Name<Required>[]; readonly properties: Required & Optional } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a literal has no other keys, and no fields is an empty object
  return { type: 'object', required: Object.keys(required) as Name<Required>[], properties: { ...required, ...(optional as Optional) } }
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
