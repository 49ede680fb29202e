import type { AnyEvent } from '../../src/events/event.ts'
import type { LogRecord } from '../../src/ingest/record-source.ts'

/** A record as the broker would hold it. */
export function recordOf(offset: number, value: Buffer | string | null, headers: Readonly<Record<string, string>> = {}): LogRecord {
  return {
    offset: BigInt(offset),
    timestamp: Date.UTC(2030, 0, 1),
    key: Buffer.from('key'),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
  }
}

/** The record of an event as its publisher writes it. */
export function recordOfEvent(offset: number, event: AnyEvent): LogRecord {
  return recordOf(offset, JSON.stringify(event), { 'event-type': event.type, 'event-version': '1' })
}
