export const DEFAULT_PLATFORM_SCHEMA = 'public'

/**
 * A statement as the server gets it. Our texts name each table of the platform `platform.<table>`, and this puts in the schema where they
 * are. In a string literal the name stays readable for `::regclass` and `to_regclass`.
 */
export function inPlatformSchema(text: string, schema: string): string {
  return text.replaceAll(platformPrefix, `${quotedSchema(schema)}.`)
}

/** `PLATFORM_SCHEMA` allows no quotes. */
export function quotedSchema(schema: string): string {
  return `"${schema}"`
}

/** The schema's name as a value in our statements, which know it as `platform` only. */
export const platformSchemaName = `(parse_ident('platform.accounts'))[1]`

const platformPrefix = /\bplatform\.(?=[a-z_])/g
