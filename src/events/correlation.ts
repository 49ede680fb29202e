import { header, headerTexts, type WithHeaders } from './header.ts'

/** Printable ASCII, so that it may stand in a header of a mail or a request and in a line of a log. No @: all of them show it, so it is no address. */
const pattern = /^[\x20-\x3f\x41-\x7e]{1,200}$/

/** The rule in words, after "must be". */
export const correlationIdRule = '1 to 200 printable ASCII characters without @'

/** Whether a value is {@link correlationIdRule}. */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value)
}

/** For a record whose value cannot be read; null: it names none that is valid. */
export function correlationIdInHeaders(record: WithHeaders): string | null {
  const [named] = headerTexts(record, header.correlationId, false)
  return isCorrelationId(named) ? named : null
}

/**
 * What an event says of its origin that is published because of `event`: pass it to the publisher with the fields of the new one. An event
 * without a correlation id begins a chain under its own id.
 */
export function causedBy({ id, correlation_id }: { readonly id: string; readonly correlation_id?: string }): {
  readonly correlationId: string
  readonly causationId: string
} {
  return { correlationId: correlation_id ?? id, causationId: id }
}
