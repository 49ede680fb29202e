import { schemaFault } from '../events/catalogue/catalogue.ts'
import { areTakenTogether } from './cases-together.ts'
import {
  allValuesOf,
  annotations,
  besideCases,
  casesOf,
  everyCaseOf,
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
import { readable } from './readable.ts'
import { samplesOf } from './samples.ts'
import { catalogueStrictness, isLenientWriter, type Strictness } from './strictness.ts'

/** Something that a writer may write and a reader refuses. */
export interface Break {
  /** Of the field, as a JSON pointer, `*` for every item; empty for the whole. */
  readonly path: string
  /** What does not fit, about the field, as written. */
  readonly rule: string
}

/**
 * Why a reader may refuse a record of a writer; none when it reads them all. A field with a default may be missing: readers fill it in. Errs on the
 * side of a break: that a record is refused is shown by {@link counterexample}, that all are read never by samples.
 */
export function breaksBetween(writer: Schema, reader: Schema, how: Strictness = catalogueStrictness, path = ''): readonly Break[] {
  if (Object.keys(reader).every((keyword) => annotations.has(keyword))) return []
  const beside = [...new Set([...besideCases(writer), ...besideCases(reader)])]
  if (beside.length > 0) return [{ path, rule: `has ${beside.join(' and ')} beside anyOf, which cannot be compared` }]
  const cases = casesOf(writer)
  if (cases !== null) return cases.flatMap((one) => breaksBetween(one, reader, how, path))
  const values = allValuesOf(writer)?.filter((value) => schemaFault(writer, value) === null)
  if (values !== undefined) {
    const refused = values.filter((value) => schemaFault(readable(reader, how), value) !== null)
    return refused.length === 0 ? [] : [{ path, rule: `may be ${listed(refused)}` }]
  }
  if (casesOf(reader) !== null) return caseBreaks(writer, reader, how, path)
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

/** Several cases may take together what none takes alone. */
function caseBreaks(writer: Schema, reader: Schema, how: Strictness, path: string): readonly Break[] {
  const cases = everyCaseOf(reader)
  const [first, ...others] = cases.map((other) => breaksBetween(writer, other, how, path))
  if (first === undefined) return [{ path, rule: 'is not one of no cases' }]
  if ([first, ...others].some((breaks) => breaks.length === 0)) return []
  if (refusedSamples(writer, reader, how).length > 0) return first
  const isTaken = (part: Schema) => cases.some((other) => breaksBetween(part, other, how).length === 0)
  return areTakenTogether(writer, cases, isTaken) ? [] : first
}

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

/** Items that may not repeat are no more than there are values of them. */
function maxItems(schema: Schema): number {
  const most = numberOf(schema, 'maxItems', Infinity)
  return schema['uniqueItems'] === true ? Math.min(most, allValuesOf(itemsOf(schema))?.length ?? Infinity) : most
}

function itemRules(writer: Schema, reader: Schema): readonly string[] {
  const mayRepeat = writer['uniqueItems'] !== true && maxItems(writer) > 1
  return [
    ...lengthRules({ ...writer, maxItems: maxItems(writer) }, reader, 'minItems', 'maxItems', 'items'),
    ...(reader['uniqueItems'] === true && mayRepeat ? ['may have an item twice'] : []),
  ]
}

function fieldBreaks(writer: Schema, reader: Schema, how: Strictness, path: string): readonly Break[] {
  const [written, read] = [propertiesOf(writer), propertiesOf(reader)]
  const always = requiredOf(writer)
  const isLenient = isLenientWriter(writer, how)
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
    else if (isLenient && breaksBetween({}, schema, how).length > 0) found.push({ path: at, rule: 'may have been written as anything' })
  }
  if (how.reader === 'closed' && 'properties' in reader) {
    for (const name of Object.keys(written)) if (read[name] === undefined) found.push({ path: `${path}/${name}`, rule: 'is not known' })
    if (isLenient) found.push({ path, rule: 'may have fields that are not known' })
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

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ')
}
