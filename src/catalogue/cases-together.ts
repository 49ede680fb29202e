import {
  allValuesOf,
  casesOf,
  everyCaseOf,
  greatestOf,
  itemsOf,
  leastOf,
  numberOf,
  propertiesOf,
  requiredOf,
  typesOf,
  type Schema,
} from './json-schema.ts'

/** Of one question; what has more parts than this is not proven. */
const MAX_PARTS = 500

/**
 * Whether each part of what a writer may write is taken by one of the cases, so that they take all of it: its types, its few values, its fields
 * where they are missing, and its numbers and lengths between the bounds of the cases. False where that is not proven.
 */
export function areTakenTogether(writer: Schema, cases: readonly Schema[], isTaken: (part: Schema) => boolean): boolean {
  let left = MAX_PARTS
  const prove = (part: Schema): boolean => {
    left -= 1
    if (left < 0) return false
    if (isTaken(part)) return true
    const parts = partsOf(part, cases)
    return parts !== null && parts.every(prove)
  }
  return prove(writer)
}

/** Schemas that allow together what a schema allows, and each of them less; null where it is not parted. */
function partsOf(schema: Schema, cases: readonly Schema[]): readonly Schema[] | null {
  const own = casesOf(schema)
  if (own !== null) return own
  const values = allValuesOf(schema)
  if (values !== null) return values.length === 1 ? null : values.map((value) => ({ const: value }))
  const types = typesOf(schema)
  if (types.length > 1) return types.map((type) => ({ ...schema, type }))
  switch (types[0]) {
    case 'integer':
    case 'number':
      return numberParts(schema, cases)
    case 'string':
      return 'format' in schema ? null : lengthParts(schema, cases, 'minLength', 'maxLength')
    case 'array':
      return lengthParts(schema, cases, 'minItems', 'maxItems') ?? singleParts(schema, cases)
    default:
      return 'properties' in schema ? fieldParts(schema, cases) : null
  }
}

/** Below and above a bound of a case that lies inside. */
function numberParts(schema: Schema, cases: readonly Schema[]): readonly Schema[] | null {
  for (const one of cases) {
    const [least, greatest] = [leastOf(one), greatestOf(one)]
    for (const { at, isOut } of [
      { at: least.at, isOut: !least.isOut },
      { at: greatest.at, isOut: greatest.isOut },
    ]) {
      const below = { ...schema, [isOut ? 'exclusiveMaximum' : 'maximum']: at }
      const above = { ...schema, [isOut ? 'minimum' : 'exclusiveMinimum']: at }
      if (Number.isFinite(at) && hasNumbers(below) && hasNumbers(above)) return [below, above]
    }
  }
  return null
}

function hasNumbers(schema: Schema): boolean {
  const [least, greatest] = [leastOf(schema), greatestOf(schema)]
  return least.at < greatest.at || (least.at === greatest.at && !least.isOut && !greatest.isOut)
}

function lengthParts(schema: Schema, cases: readonly Schema[], fewest: string, most: string): readonly Schema[] | null {
  const [least, greatest] = [numberOf(schema, fewest, 0), numberOf(schema, most, Infinity)]
  const bounds = cases.flatMap((one) => [numberOf(one, fewest, 0) - 1, numberOf(one, most, Infinity)])
  const at = bounds.find((bound) => bound >= least && bound < greatest)
  return at === undefined
    ? null
    : [
        { ...schema, [most]: at },
        { ...schema, [fewest]: at + 1 },
      ]
}

/** Of a list with one item. */
function singleParts(schema: Schema, cases: readonly Schema[]): readonly Schema[] | null {
  if (numberOf(schema, 'maxItems', Infinity) !== 1) return null
  const parts = partsOf(
    itemsOf(schema),
    cases.flatMap((one) => everyCaseOf(itemsOf(one))),
  )
  return parts?.map((items) => ({ ...schema, items })) ?? null
}

/** With and without a field that may be missing; else by the parts of one field. */
function fieldParts(schema: Schema, cases: readonly Schema[]): readonly Schema[] | null {
  const [properties, required] = [propertiesOf(schema), requiredOf(schema)]
  const optional = Object.keys(properties).find((name) => !required.includes(name))
  if (optional !== undefined) {
    const others = Object.fromEntries(Object.entries(properties).filter(([name]) => name !== optional))
    return [
      { ...schema, properties: others },
      { ...schema, required: [...required, optional] },
    ]
  }
  for (const [name, field] of Object.entries(properties)) {
    const parts = partsOf(
      field,
      cases.flatMap((one) => everyCaseOf(propertiesOf(one)[name] ?? {})),
    )
    if (parts !== null) return parts.map((part) => ({ ...schema, properties: { ...properties, [name]: part } }))
  }
  return null
}
