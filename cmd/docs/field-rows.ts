import { casesOf, itemsOf, numberOf, propertiesOf, requiredOf, typesOf, valuesOf, type Schema } from '../../src/catalogue/json-schema.ts'

/** One field of a schema, in words. */
export interface FieldRow {
  /** `name`, `outer.name`, or `list[].name`. */
  readonly path: string
  readonly type: string
  /** Where the object is that holds it. */
  readonly isRequired: boolean
  /** What its values keep, a phrase each; code stands between backticks. */
  readonly rules: readonly string[]
  readonly description: string | null
}

/** The fields of an object and of what is in it, in the order of the schema. */
export function fieldRows(schema: Schema, prefix = ''): readonly FieldRow[] {
  const required = requiredOf(schema)
  const rows = Object.entries(propertiesOf(schema)).flatMap(([name, field]) => {
    const path = `${prefix}${name}`
    const { description } = field
    const row: FieldRow = {
      path,
      type: typeInWords(field),
      isRequired: required.includes(name),
      rules: rulesInWords(field),
      description: typeof description === 'string' ? description : null,
    }
    return [row, ...rowsInside(field, path)]
  })
  // Cases of one field may have the same fields.
  return [...new Map(rows.toReversed().map((row) => [row.path, row])).values()].toReversed()
}

function rowsInside(field: Schema, path: string): readonly FieldRow[] {
  return [
    ...fieldRows(field, `${path}.`),
    ...('items' in field ? rowsInside(itemsOf(field), `${path}[]`) : []),
    ...(casesOf(field) ?? []).flatMap((one) => rowsInside(one, path)),
  ]
}

function typeInWords(field: Schema): string {
  const cases = casesOf(field)
  if (cases !== null) return [...new Set(cases.map(typeInWords))].join(' or ')
  const values = valuesOf(field)
  if (field['type'] === undefined) return values === null ? 'anything' : [...new Set(values.map(typeOfValue))].join(' or ')
  return typesOf(field)
    .map((type) => {
      if (type === 'array') return 'items' in field ? `list of ${typeInWords(itemsOf(field))}` : 'list'
      return type === 'string' && typeof field['format'] === 'string' ? field['format'] : type
    })
    .join(' or ')
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}

function rulesInWords(field: Schema): readonly string[] {
  const values = valuesOf(field)
  const cases = casesOf(field) ?? []
  const hasRules = cases.some((one) => rulesInWords(one).length > 0)
  return [
    ...(values === null ? [] : [`${values.length === 1 ? 'always' : 'one of'} ${values.map(code).join(', ')}`]),
    ...rangeInWords(field, 'minLength', 'maxLength', 'character'),
    ...('pattern' in field ? [`matches ${code(field['pattern'])}`] : []),
    ...numberInWords(field),
    ...rangeInWords(field, 'minItems', 'maxItems', 'item'),
    ...(field['uniqueItems'] === true ? ['no item twice'] : []),
    ...('items' in field ? rulesInWords(itemsOf(field)).map((rule) => `each ${rule}`) : []),
    ...(hasRules ? [cases.map((one) => [typeInWords(one), ...rulesInWords(one)].join(', ')).join('; or ')] : []),
    ...('default' in field ? [`${code(field['default'])} where it is missing`] : []),
  ]
}

function rangeInWords(field: Schema, least: string, most: string, unit: string): readonly string[] {
  const [fewest, greatest] = [numberOf(field, least, 0), numberOf(field, most, Infinity)]
  const units = (number: number) => `${grouped(number)} ${unit}${number === 1 ? '' : 's'}`
  if (fewest === greatest) return [units(fewest)]
  if (greatest === Infinity) return fewest === 0 ? [] : [`at least ${units(fewest)}`]
  return [fewest === 0 ? `at most ${units(greatest)}` : `${grouped(fewest)} to ${units(greatest)}`]
}

function numberInWords(field: Schema): readonly string[] {
  const bounds = { minimum: 'at least', exclusiveMinimum: 'above', maximum: 'at most', exclusiveMaximum: 'below' }
  return Object.entries(bounds).flatMap(([keyword, words]) =>
    typeof field[keyword] === 'number' ? [`${words} ${grouped(field[keyword])}`] : [],
  )
}

function grouped(number: number): string {
  return number.toLocaleString('en-US', { maximumFractionDigits: 20 })
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}
