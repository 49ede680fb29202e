import { schemaFault } from '../events/catalogue/catalogue.ts'
import {
  allValuesOf,
  casesOf,
  greatestOf,
  itemsOf,
  leastOf,
  numberOf,
  propertiesOf,
  requiredOf,
  typesOf,
  valuesOf,
  type Schema,
} from './json-schema.ts'
import { samplesOf } from './samples.ts'
import { catalogueStrictness, type Strictness } from './strictness.ts'

/** Something that a writer may write and a reader refuses. */
export interface Break {
  /** Of the field, as a JSON pointer, `*` for every item; empty for the whole. */
  readonly path: string
  /** What does not fit, about the field, as written. */
  readonly rule: string
}

/** Why a reader may refuse a record of a writer; none when it reads them all. A field with a default may be missing: readers fill it in. */
export function breaksBetween(writer: Schema, reader: Schema, how: Strictness = catalogueStrictness, path = ''): readonly Break[] {
  if (Object.keys(reader).every((keyword) => annotations.has(keyword))) return []
  const cases = casesOf(writer)
  if (cases !== null) return cases.flatMap((one) => breaksBetween(one, reader, how, path))
  const values = allValuesOf(writer)
  if (values !== null) {
    const refused = values.filter((value) => schemaFault(readable(reader, how), value) !== null)
    return refused.length === 0 ? [] : [{ path, rule: `may be ${listed(refused)}` }]
  }
  const taken = casesOf(reader)
  if (taken !== null) {
    const answers = taken.map((other) => breaksBetween(writer, other, how, path))
    // Several cases may take together what none takes alone: their edges say so.
    const isTaken = answers.some((breaks) => breaks.length === 0) || refusedSamples(writer, reader, how).length === 0
    return isTaken ? [] : (answers[0] ?? [])
  }
  const known = valuesOf(reader)
  if (known !== null) return [{ path, rule: `is not limited to ${listed(known)}` }]

  const [written, read] = [typesOf(writer), typesOf(reader)]
  const foreign = written.filter((type) => !read.includes(type) && !(type === 'integer' && read.includes('number')))
  if (foreign.length > 0) return [{ path, rule: `may be ${foreign.join(' or ')}, which is not ${read.join(' or ')}` }]
  return [
    ...(written.includes('string') ? textRules(writer, reader) : []),
    ...(written.includes('number') || written.includes('integer') ? numberRules(writer, reader) : []),
    ...(written.includes('array') ? itemRules(writer, reader) : []),
  ]
    .map((rule): Break => ({ path, rule }))
    .concat(written.includes('array') && maxItems(writer) > 0 ? breaksBetween(itemsOf(writer), itemsOf(reader), how, `${path}/*`) : [])
    .concat(written.includes('object') ? fieldBreaks(writer, reader, how, path) : [])
}

/** Keywords that refuse nothing. */
const annotations: ReadonlySet<string> = new Set(['title', 'description', 'default', 'examples'])

function textRules(writer: Schema, reader: Schema): readonly string[] {
  return [
    ...lengthRules(writer, reader, 'minLength', 'maxLength', 'characters'),
    ...['format', 'pattern'].flatMap((keyword) =>
      reader[keyword] === undefined || reader[keyword] === writer[keyword]
        ? []
        : [
            `${keyword} is ${writer[keyword] === undefined ? 'not given' : listed([writer[keyword]])}, and has to be ${listed([reader[keyword]])}`,
          ],
    ),
  ]
}

function lengthRules(writer: Schema, reader: Schema, least: string, most: string, unit: string): readonly string[] {
  const [byFormat, atMost] = unit === 'characters' ? lengthsOf(writer['format']) : [0, Infinity]
  const [fewest, needed] = [Math.max(numberOf(writer, least, 0), byFormat), numberOf(reader, least, 0)]
  const [greatest, taken] = [Math.min(numberOf(writer, most, Infinity), atMost), numberOf(reader, most, Infinity)]
  return [
    ...(fewest < needed ? [`may have ${fewest} ${unit}, and needs ${needed}`] : []),
    ...(greatest > taken ? [`may have ${greatest === Infinity ? 'any number of' : greatest} ${unit}, and ${taken} are the most`] : []),
  ]
}

/** Of every text of a format: the fewest and the most characters. */
function lengthsOf(format: unknown): readonly [number, number] {
  switch (format) {
    case 'uuid':
      return [36, 36]
    case 'date':
      return [10, 10]
    case 'date-time':
      return ['2026-01-31T12:00:00Z'.length, Infinity]
    default:
      return [0, Infinity]
  }
}

function numberRules(writer: Schema, reader: Schema): readonly string[] {
  const [mine, theirs] = [leastOf(writer), leastOf(reader)]
  const [most, taken] = [greatestOf(writer), greatestOf(reader)]
  const isBelow = mine.at < theirs.at || (mine.at === theirs.at && theirs.isOut && !mine.isOut)
  const isAbove = most.at > taken.at || (most.at === taken.at && taken.isOut && !most.isOut)
  return [
    ...(isBelow
      ? [`may be ${mine.at === -Infinity ? 'any number' : mine.at}, and has to be ${theirs.isOut ? 'above' : 'at least'} ${theirs.at}`]
      : []),
    ...(isAbove
      ? [`may be ${most.at === Infinity ? 'any number' : most.at}, and has to be ${taken.isOut ? 'below' : 'at most'} ${taken.at}`]
      : []),
  ]
}

const maxItems = (schema: Schema) => numberOf(schema, 'maxItems', Infinity)

function itemRules(writer: Schema, reader: Schema): readonly string[] {
  const mayRepeat = writer['uniqueItems'] !== true && maxItems(writer) > 1
  return [
    ...lengthRules(writer, reader, 'minItems', 'maxItems', 'items'),
    ...(reader['uniqueItems'] === true && mayRepeat ? ['may have an item twice'] : []),
  ]
}

function fieldBreaks(writer: Schema, reader: Schema, how: Strictness, path: string): readonly Break[] {
  const [written, read] = [propertiesOf(writer), propertiesOf(reader)]
  const always = requiredOf(writer)
  const needed = requiredOf(readable(reader, how))
  const missing = needed.filter((name) => !always.includes(name))
  const found: Break[] = missing.map((name) => ({
    path: `${path}/${name}`,
    rule: written[name] === undefined ? 'is not written, and is required' : 'may be missing, and is required',
  }))
  for (const [name, schema] of Object.entries(read)) {
    const at = `${path}/${name}`
    const mine = written[name]
    if (mine !== undefined) found.push(...breaksBetween(mine, schema, how, at))
    else if (how.writer === 'lenient' && breaksBetween({}, schema, how).length > 0)
      found.push({ path: at, rule: 'may have been written as anything' })
  }
  if (how.reader === 'closed') {
    for (const name of Object.keys(written)) if (read[name] === undefined) found.push({ path: `${path}/${name}`, rule: 'is not known' })
    if (how.writer === 'lenient') found.push({ path, rule: 'may have fields that are not known' })
  }
  return found
}

/** A record of the writer that the reader refuses because of this break; undefined when none is found. */
export function counterexample(writer: Schema, reader: Schema, { path }: Break, how: Strictness = catalogueStrictness): unknown {
  const refused = refusedSamples(writer, reader, how)
  const place = path.split('/*')[0] ?? ''
  const name = path.slice(path.lastIndexOf('/') + 1)
  const because = refused.find(({ fault }) => fault.includes(place) || fault.includes(name))
  return (because ?? refused[0])?.record
}

function refusedSamples(writer: Schema, reader: Schema, how: Strictness): readonly { readonly record: unknown; readonly fault: string }[] {
  const judge = readable(reader, how)
  return samplesOf(writer, reader, how).flatMap((record) => {
    const fault = schemaFault(judge, record)
    return fault === null ? [] : [{ record, fault }]
  })
}

/** What a reader accepts: fields with a default may be missing, and a closed one takes no others. */
export function readable(schema: Schema, how: Strictness): Schema {
  const cases = casesOf(schema)
  if (cases !== null) return { ...schema, anyOf: cases.map((one) => readable(one, how)) }
  const properties = propertiesOf(schema)
  const isObject = 'properties' in schema || schema['type'] === 'object'
  return {
    ...schema,
    ...('items' in schema ? { items: readable(itemsOf(schema), how) } : {}),
    ...(isObject
      ? {
          properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, readable(one, how)])),
          required: requiredOf(schema).filter((name) => properties[name]?.['default'] === undefined),
          ...(how.reader === 'closed' ? { additionalProperties: false } : {}),
        }
      : {}),
  }
}

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ')
}
