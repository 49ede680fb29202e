import { formats, schemaFault } from '../events/catalogue/catalogue.ts'
import { annotations, besideCases, isSchema, keywords, propertiesOf, requiredOf, typeNames, type Schema } from './json-schema.ts'

/**
 * What a schema says that not every tool reads alike, that cannot be compared, or that refuses nothing because it is misspelt: a sentence for each, which
 * begins with the place as a JSON pointer. Only a schema without one can be compiled and compared.
 */
export function schemaFaults(schema: unknown, path: string): readonly string[] {
  if (!isSchema(schema)) return [`${path} is no schema. Write an object.`]
  const beside = besideCases(schema)
  if (beside.length > 0)
    return [
      `${path}: ${beside.join(' and ')} beside anyOf cannot be compared. Write it into each case; only ${[...annotations].join(', ')} may stand there.`,
    ]
  const faults = [
    ...Object.entries(schema).flatMap(([keyword, value]) => keywordFaults(keyword, value, `${path}/${keyword}`)),
    ...requiredFaults(schema, path),
  ]
  return faults.length === 0 && 'default' in schema ? defaultFaults(schema, path) : faults
}

function keywordFaults(keyword: string, value: unknown, at: string): readonly string[] {
  if (!keywords.has(keyword))
    return [`${at}: schemas do without "${keyword}", which not every tool reads alike. Use one of ${[...keywords].join(', ')}.`]
  switch (keyword) {
    case 'items':
      return schemaFaults(value, at)
    case 'properties':
      return isSchema(value)
        ? Object.entries(value).flatMap(([name, property]) => schemaFaults(property, `${at}/${name}`))
        : [`${at} is no object.`]
    case 'anyOf':
      if (!Array.isArray(value) || value.length === 0) return [`${at} is no list of cases.`]
      return value.flatMap((one: unknown, index) => schemaFaults(one, `${at}/${index}`))
    default: {
      const rule = valueRules.get(keyword)
      return rule === undefined || rule.isKept(value) ? [] : [`${at} is ${JSON.stringify(value)}. Write ${rule.words}.`]
    }
  }
}

function requiredFaults(schema: Schema, path: string): readonly string[] {
  const fields = propertiesOf(schema)
  return requiredOf(schema)
    .filter((field) => !Object.hasOwn(fields, field))
    .map((field) => `${path}/required: ${field} is required and has no schema. Add it to the properties.`)
}

function defaultFaults(schema: Schema, path: string): readonly string[] {
  const at = `${path}/default`
  const fault = schemaFault(schema, schema['default'])
  if (fault !== null) return [`${at} is not valid itself: ${fault}.`]
  return path.includes('/anyOf/') ? [`${at} is never filled in, because it is one case of several. Leave it out.`] : []
}

interface ValueRule {
  readonly isKept: (value: unknown) => boolean
  readonly words: string
}

const isText = (value: unknown) => typeof value === 'string'
const text: ValueRule = { isKept: isText, words: 'a text' }
const number: ValueRule = { isKept: (value) => Number.isFinite(value), words: 'a number' }
const count: ValueRule = { isKept: (value) => Number.isSafeInteger(value) && Number(value) >= 0, words: 'a whole number of 0 or above' }
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)
const isTypeName = (value: unknown) => typeNames.some((name) => name === value)

/** What may stand under a keyword. Validators take anything, and check nothing then. */
const valueRules: ReadonlyMap<string, ValueRule> = new Map([
  [
    'type',
    {
      isKept: (value) => (isList(value) ? value.length > 0 && value.every(isTypeName) : isTypeName(value)),
      words: `one of ${typeNames.join(', ')}, or a list of them`,
    },
  ],
  ['format', { isKept: (value) => formats.some((name) => name === value), words: `one of ${formats.join(', ')}` }],
  ['pattern', { isKept: isPattern, words: 'a regular expression that can be read with the flag u' }],
  ['enum', { isKept: (value) => isList(value) && value.length > 0, words: 'a list of values' }],
  ['examples', { isKept: isList, words: 'a list of values' }],
  [
    'required',
    {
      isKept: (value) => isList(value) && value.every(isText) && new Set(value).size === value.length,
      words: 'a list of names, each once',
    },
  ],
  ['uniqueItems', { isKept: (value) => typeof value === 'boolean', words: 'true or false' }],
  ...['title', 'description'].map((keyword) => [keyword, text] as const),
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map((keyword) => [keyword, number] as const),
  ...['minLength', 'maxLength', 'minItems', 'maxItems'].map((keyword) => [keyword, count] as const),
])

/** https://json-schema.org/draft/2020-12/json-schema-core#section-6.4: regular expressions are read with the flag `u`. */
function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    RegExp(value, 'u')
    return true
  } catch {
    // It says no more than its place does.
    return false
  }
}
