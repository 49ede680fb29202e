/** Names of the headers on an event (conventions.md), and those of CloudEvents binary mode that mean the same. */
export const header = {
  type: 'event-type',
  version: 'event-version',
  id: 'event-id',
  contentType: 'content-type',
  timestamp: 'timestamp',
  correlationId: 'correlation-id',
  traceparent: 'traceparent',
} as const

export const cloudEventsType = 'ce_type'

type Headers = Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>

/** The text of a header, or null when it is absent or given more than once. */
export function headerText(headers: Headers, name: string): string | null {
  const value = headers[name]
  return value instanceof Uint8Array ? value.toString('utf8') : null
}

/** The event type that the headers name, or null: then the body has to be parsed to know it. */
export function typeInHeaders(headers: Headers): string | null {
  return headerText(headers, header.type) ?? headerText(headers, cloudEventsType)
}
