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
  type Schema,
} from './json-schema.ts'
import type { Strictness } from './strictness.ts'

/** Nested schemas deeper than this are taken as they are. */
const MAX_DEPTH = 8
/** Of an object with many fields. */
const MAX_SAMPLES = 400

/** Records of a writer at the edges where a reader may refuse them. All are valid for the writer. */
export function samplesOf(writer: Schema, reader: Schema, how: Strictness, depth = 0): readonly unknown[] {
  const cases = casesOf(writer)
  if (cases !== null) return cases.flatMap((one) => samplesOf(one, reader, how, depth))
  const others = casesOf(reader) ?? [reader]
  const found = allValuesOf(writer) ?? typesOf(writer).flatMap((type) => others.flatMap((other) => ofType(type, writer, other, how, depth)))
  return found.filter((record) => schemaFault(writer, record) === null).slice(0, MAX_SAMPLES)
}

function ofType(type: string, writer: Schema, reader: Schema, how: Strictness, depth: number): readonly unknown[] {
  switch (type) {
    case 'null':
      return [null]
    case 'boolean':
      return [true, false]
    case 'integer':
      return numbers(writer, reader).filter(Number.isInteger)
    case 'number':
      return numbers(writer, reader)
    case 'string':
      return texts(writer, reader)
    case 'array':
      return depth > MAX_DEPTH ? [[]] : arrays(writer, reader, how, depth)
    default:
      return depth > MAX_DEPTH ? [{}] : objects(writer, reader, how, depth)
  }
}

function numbers(writer: Schema, reader: Schema): readonly number[] {
  const edges = [leastOf(writer), greatestOf(writer), leastOf(reader), greatestOf(reader)].map(({ at }) => at).filter(Number.isFinite)
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

function texts(writer: Schema, reader: Schema): readonly string[] {
  const bounds = [writer, reader].flatMap((schema) => [numberOf(schema, 'minLength', 0), numberOf(schema, 'maxLength', 0)])
  const lengths = [...new Set(bounds.flatMap((length) => [length - 1, length, length + 1]))].filter(
    (length) => length >= 0 && length <= 100_000,
  )
  const given = [writer, reader].flatMap(({ examples, default: filled }) => [...(Array.isArray(examples) ? examples : []), filled])
  return [...Object.values(formats), ...lengths.map((length) => 'x'.repeat(length)), ...given.filter((value) => typeof value === 'string')]
}

function arrays(writer: Schema, reader: Schema, how: Strictness, depth: number): readonly unknown[] {
  const items = samplesOf(itemsOf(writer), itemsOf(reader), how, depth + 1)
  const bounds = [writer, reader].flatMap((schema) => [numberOf(schema, 'minItems', 0), numberOf(schema, 'maxItems', 0)])
  const lengths = [...new Set([2, ...bounds.flatMap((length) => [length - 1, length, length + 1])])].filter(
    (length) => length >= 0 && length <= 1_000,
  )
  const filled = lengths.flatMap((length) => [
    Array.from({ length }, () => items[0]),
    Array.from({ length }, (_, index) => items[index % items.length]),
  ])
  // Each item where a list of one, or of as many as are needed, may have it.
  const least = Math.max(1, numberOf(writer, 'minItems', 1))
  return [
    ...filled,
    ...items.map((item) => Array.from({ length: least }, (_, index) => (index === 0 ? item : items[index % items.length]))),
  ]
}

function objects(writer: Schema, reader: Schema, how: Strictness, depth: number): readonly unknown[] {
  const [written, read] = [propertiesOf(writer), propertiesOf(reader)]
  const samples = Object.entries(written).map(([name, schema]) => [name, samplesOf(schema, read[name] ?? {}, how, depth + 1)] as const)
  const whole = Object.fromEntries(samples.flatMap(([name, values]) => (values.length === 0 ? [] : [[name, values[0]] as const])))
  const least = Object.fromEntries(Object.entries(whole).filter(([name]) => requiredOf(writer).includes(name)))
  const changed = samples.flatMap(([name, values]) => values.map((value) => ({ ...whole, [name]: value })))
  const unknown = Object.keys(read).filter((name) => written[name] === undefined)
  const foreign =
    how.writer === 'lenient'
      ? [...unknown, 'unknown_field'].flatMap((name) => [null, 1, 'x', true, [], {}].map((value) => ({ ...whole, [name]: value })))
      : []
  return [whole, least, ...changed, ...foreign]
}
