import { schemaFault } from '../events/catalogue/catalogue.ts'
import {
  allValuesOf,
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
  type Schema,
} from './json-schema.ts'
import { readable } from './readable.ts'
import { isLenientWriter, type Strictness } from './strictness.ts'

/** Nested schemas deeper than this are taken as they are. */
const MAX_DEPTH = 8
/** Of an object with many fields. */
const MAX_SAMPLES = 400

/** Records of a writer at the edges where a reader may refuse them. All are valid for the writer. */
export function samplesOf(writer: Schema, reader: Schema, how: Strictness): readonly unknown[] {
  return samplesFor(writer, [reader], how, 0)
}

/** @param readers are cases of one: a record has to be refused by each */
function samplesFor(writer: Schema, readers: readonly Schema[], how: Strictness, depth: number): readonly unknown[] {
  const cases = casesOf(writer)
  const others = readers.flatMap(everyCaseOf)
  const found =
    cases?.flatMap((one) => samplesFor(one, others, how, depth)) ??
    allValuesOf(writer) ??
    typesOf(writer).flatMap((type) => ofType(type, writer, others, how, depth))
  if (cases !== null && besideCases(writer).length === 0) return found
  return unequal(found)
    .filter((record) => schemaFault(writer, record) === null)
    .slice(0, MAX_SAMPLES)
}

function unequal(values: readonly unknown[]): readonly unknown[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
}

function ofType(type: string, writer: Schema, others: readonly Schema[], how: Strictness, depth: number): readonly unknown[] {
  switch (type) {
    case 'null':
      return [null]
    case 'boolean':
      return [true, false]
    case 'integer':
      return numbers([writer, ...others]).filter(Number.isInteger)
    case 'number':
      return numbers([writer, ...others])
    case 'string':
      return texts([writer, ...others])
    case 'array':
      return depth > MAX_DEPTH ? [[]] : arrays(writer, others, how, depth)
    default:
      return depth > MAX_DEPTH ? [{}] : objects(writer, others, how, depth)
  }
}

function numbers(schemas: readonly Schema[]): readonly number[] {
  const edges = schemas.flatMap((schema) => [leastOf(schema).at, greatestOf(schema).at]).filter(Number.isFinite)
  return [0, 1, -1, 0.5, ...edges.flatMap((edge) => [edge, edge - 1, edge + 1, edge - 0.5, edge + 0.5])]
}

const formats: Readonly<Record<string, string>> = {
  uuid: '00000000-0000-4000-8000-000000000001',
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  email: 'ada@example.com',
  uri: 'https://example.com/',
  ipv4: '192.0.2.1',
}

function texts(schemas: readonly Schema[]): readonly string[] {
  const lengths = lengthsAround(schemas, 'minLength', 'maxLength', 100_000)
  const given = schemas
    .flatMap(({ examples, default: filled }) => [...(Array.isArray(examples) ? examples : []), filled])
    .filter((value) => typeof value === 'string')
  // A text that repeats an example, in each of the lengths, may have its pattern too.
  const like = given.filter((text) => text !== '').flatMap((text) => lengths.map((length) => text.slice(0, length).padEnd(length, text)))
  return [...Object.values(formats), ...lengths.map((length) => 'x'.repeat(length)), ...given, ...like]
}

function lengthsAround(schemas: readonly Schema[], fewest: string, most: string, greatest: number): readonly number[] {
  const bounds = schemas.flatMap((schema) => [numberOf(schema, fewest, 0), numberOf(schema, most, 0)])
  return [...new Set(bounds.flatMap((bound) => [bound - 1, bound, bound + 1]))].filter((length) => length >= 0 && length <= greatest)
}

function arrays(writer: Schema, others: readonly Schema[], how: Strictness, depth: number): readonly unknown[] {
  const item = itemsOf(writer)
  const itemReaders = others.map(itemsOf)
  const items = samplesFor(item, itemReaders, how, depth + 1)
  const lengths = [2, ...lengthsAround([writer, ...others], 'minItems', 'maxItems', 1_000)]
  const cycle = writer['uniqueItems'] === true ? unequal([...items, ...neighbours(items, item)]) : items
  const filled = lengths.flatMap((length) => [
    Array.from({ length }, () => items[0]),
    Array.from({ length }, (_, index) => cycle[index % cycle.length]),
  ])
  // Each item where a list of one, or of as many as are needed, may have it.
  const least = Math.max(1, numberOf(writer, 'minItems', 1))
  const firstOfAll = items.map((one) => [one, ...cycle.filter((other) => other !== one)].slice(0, least))
  const alone = items.map((one) => Array.from({ length: least }, (_, index) => (index === 0 ? one : items[index % items.length])))
  return [...filled, ...firstOfAll, ...alone, ...(others.length > 1 ? pairs(kindsOf(items, itemReaders, how), lengths) : [])]
}

/** Others of the same sort, for lists whose items differ. */
function neighbours(items: readonly unknown[], schema: Schema): readonly unknown[] {
  return items
    .flatMap((item) =>
      Array.from({ length: 12 }, (_, index) => {
        if (typeof item === 'number') return [item + index, item + index / 16]
        return typeof item === 'string' ? [item.replace(/[\dx](?=\D*$)/, index.toString(16))] : []
      }).flat(),
    )
    .filter((item) => schemaFault(schema, item) === null)
}

/** Lists of two kinds of items. */
function pairs(kinds: readonly unknown[], lengths: readonly number[]): readonly unknown[] {
  return kinds.flatMap((one) =>
    kinds.flatMap((other) =>
      lengths.filter((length) => length > 0).map((length) => Array.from({ length }, (_, index) => (index === 0 ? one : other))),
    ),
  )
}

/** One value of those that the same readers refuse. */
function kindsOf(values: readonly unknown[], readers: readonly Schema[], how: Strictness): readonly unknown[] {
  const judges = readers.map((reader) => readable(reader, how))
  return [...new Map(values.map((value) => [judges.map((judge) => schemaFault(judge, value) === null).join(' '), value])).values()]
}

function objects(writer: Schema, others: readonly Schema[], how: Strictness, depth: number): readonly unknown[] {
  const written = propertiesOf(writer)
  const readers = (name: string) => others.map((other) => propertiesOf(other)[name] ?? {})
  const samples = Object.entries(written).map(([name, schema]) => [name, samplesFor(schema, readers(name), how, depth + 1)] as const)
  const whole = Object.fromEntries(samples.flatMap(([name, values]) => (values.length === 0 ? [] : [[name, values[0]] as const])))
  const required = requiredOf(writer)
  const least = Object.fromEntries(Object.entries(whole).filter(([name]) => required.includes(name)))
  const changed = samples.flatMap(([name, values]) => values.map((value) => ({ ...whole, [name]: value })))
  const unknown = new Set(others.flatMap((other) => Object.keys(propertiesOf(other))).filter((name) => written[name] === undefined))
  const foreign = isLenientWriter(writer, how)
    ? [...unknown, 'unknown_field'].flatMap((name) => [null, 1, 'x', true, [], {}].map((value) => ({ ...whole, [name]: value })))
    : []
  const together =
    others.length > 1 ? combined(samples.map(([name, values]) => [name, kindsOf(values, readers(name), how), required.includes(name)])) : []
  return [whole, least, ...together, ...changed, ...foreign]
}

/** Each kind of one field with each of the others, and without it where it may be missing. */
function combined(fields: readonly (readonly [name: string, kinds: readonly unknown[], isRequired: boolean])[]): readonly object[] {
  return fields.reduce<readonly object[]>(
    (so, [name, kinds, isRequired]) =>
      so
        .flatMap((record) => [...kinds.map((kind) => ({ ...record, [name]: kind })), ...(isRequired ? [] : [record])])
        .slice(0, MAX_SAMPLES),
    [{}],
  )
}
