import { header, headerTexts } from '../../events/header.ts'
import type { WriterSchemas } from '../../events/framed-value.ts'
import type { LogRecord } from '../../ingest/record-source.ts'
import { fieldErrors, parsedValue, type FieldError } from './field-errors.ts'
import { masked, replacePersonal } from './personal-fields.ts'

/** The content of a record as far as it may be shown. */
export interface ShownRecord {
  readonly key: string | null
  /** Text by name; headers that are not ours or of the envelope only by their size. */
  readonly headers: Readonly<Record<string, string>>
  /** Parsed; a text with its size when it cannot be. */
  readonly value: unknown
  readonly errors: readonly FieldError[]
}

/** @param reveal personal fields too, and what is not known to be free of them */
export function shownRecord(
  record: LogRecord,
  { reveal, schemas }: { readonly reveal: boolean; readonly schemas?: WriterSchemas | undefined },
): ShownRecord {
  const parsed = parsedValue(record, schemas)
  const shown = reveal ? parsed : replacePersonal(parsed, masked)
  const key = record.key?.toString('utf8') ?? null
  return {
    key: key === null || reveal || isId(key) ? key : '***',
    headers: Object.fromEntries(Object.keys(record.headers).map((name) => [shownName(name, reveal), headerText(record, name, reveal)])),
    value: parsed === undefined ? unparsed(record, reveal) : shown,
    errors: parsed === undefined ? [] : fieldErrors(parsed, shown, record),
  }
}

const isId = (text: string) => /^[\da-f-]{36}$/i.test(text)

const plainHeaders: ReadonlySet<string> = new Set([
  header.type,
  header.version,
  header.id,
  header.contentType,
  header.timestamp,
  header.traceparent,
  header.producer,
  'ce_specversion',
  'ce_id',
  'ce_type',
  'ce_source',
  'ce_time',
  'ce_accountid',
  'ce_eventversion',
])

function shownName(name: string, reveal: boolean): string {
  return reveal || !name.includes('@') ? name : '***'
}

function headerText(record: LogRecord, name: string, reveal: boolean): string {
  const text = headerTexts(record, name).join(', ')
  if (reveal || (!text.includes('@') && (plainHeaders.has(name) || name === header.correlationId))) return text
  return `(${Buffer.byteLength(text)} bytes)`
}

function unparsed({ value }: LogRecord, reveal: boolean): string {
  if (value === null) return '(no value)'
  return reveal ? value.toString('utf8') : `(${value.length} bytes that cannot be parsed)`
}
