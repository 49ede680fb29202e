import type { HeaderValue, LogRecord } from '../../../ingest/record-source.ts'

/** Headers as they are kept of a dead letter that is to be replayed: the values of each name in their order, in base64. */
export type KeptHeaders = Readonly<Record<string, readonly string[]>>

/** Headers of a record as they are kept. */
export function headersInJson(headers: LogRecord['headers']): KeptHeaders {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, (Buffer.isBuffer(value) ? [value] : [...value]).map((bytes) => bytes.toString('base64'))]],
    ),
  )
}

/** The headers that were kept. */
export function headersOf(kept: KeptHeaders): Readonly<Record<string, HeaderValue>> {
  return Object.fromEntries(Object.entries(kept).map(([name, values]) => [name, values.map((value) => Buffer.from(value, 'base64'))]))
}
