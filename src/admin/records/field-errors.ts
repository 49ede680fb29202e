import { catalogue, isEventType, namedFields, rulesOfEnvelope, rulesOfSchema, type BrokenRule } from '../../events/catalogue/catalogue.ts'
import { readEnvelope } from '../../events/envelopes.ts'
import { isFramed, readFramed, type WriterSchemas } from '../../events/framed-value.ts'
import { readJson } from '../../events/read-json.ts'
import type { LogRecord } from '../../ingest/record-source.ts'

/** A rule of the catalogue that a record breaks, at the field. */
export interface FieldError {
  /** A JSON Pointer into the event, as it was read from whatever form it came in. */
  readonly field: string
  readonly rule: string
  /** What is there, as JSON; null when nothing is. */
  readonly value: string | null
}

/** The value of a record as it was parsed; undefined when it cannot be. */
export function parsedValue(record: LogRecord, schemas: WriterSchemas = new Map()): unknown {
  if (record.value === null || record.value.length === 0) return undefined
  const read = isFramed(record.value) ? readFramed(record.value, schemas) : readJson(record.value)
  return 'value' in read ? read.value : undefined
}

/**
 * The rules that a parsed value breaks, of the envelope or else of `data`; empty where it breaks none, or is of no form that is read.
 *
 * @param shown the same value as far as it may be shown
 */
export function fieldErrors(value: unknown, shown: unknown, record: LogRecord): readonly FieldError[] {
  const [read, visible] = [readEnvelope(value, record), readEnvelope(shown, record)]
  if ('fault' in read || 'fault' in visible) return []
  const { fields } = read
  const ofEnvelope = rulesOfEnvelope(fields)
  if (ofEnvelope.length > 0) return ofEnvelope.flatMap((rule) => inFields(rule, '', visible.fields))
  const { type, data } = Object(fields)
  if (typeof type !== 'string' || !isEventType(type)) return []
  return rulesOfSchema(catalogue[type].data, data).flatMap((rule) => inFields(rule, '/data', visible.fields))
}

function inFields(rule: BrokenRule, under: string, shown: unknown): readonly FieldError[] {
  const at = `${under}${rule.instancePath}`
  const names = namedFields(rule)
  if (names.length > 0) return names.map((name) => errorAt(`${at}/${name}`, rule.keyword, shown))
  return [errorAt(at === '' ? '/' : at, rule.keyword, shown)]
}

function errorAt(field: string, rule: string, shown: unknown): FieldError {
  const value = field
    .split('/')
    .slice(1)
    .filter((name) => name !== '')
    .reduce((held: unknown, name) => (typeof held === 'object' && held !== null ? Reflect.get(held, name) : undefined), shown)
  const text = value === undefined ? null : JSON.stringify(value)
  return { field, rule, value: text !== null && text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text }
}

const LONGEST = 80
