/** Header names of an event. */
export const header = {
  type: 'event-type',
  version: 'event-version',
  id: 'event-id',
  contentType: 'content-type',
  timestamp: 'timestamp',
  correlationId: 'correlation-id',
  traceparent: 'traceparent',
} as const

/** The CloudEvents binary mode equivalent of `event-type`. */
export const cloudEventsType = 'ce_type'

type Headers = Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>

/** All values of a header, which may occur more than once; empty ones are ignored. */
export function headerTexts(headers: Headers, name: string): readonly string[] {
  const value = headers[name] ?? []
  return (value instanceof Uint8Array ? [value] : value).filter(({ length }) => length > 0).map((text) => text.toString('utf8'))
}

/** The event types named in the headers. */
export function typesInHeaders(headers: Headers): readonly string[] {
  const own = headerTexts(headers, header.type)
  return own.length > 0 ? own : headerTexts(headers, cloudEventsType)
}

/** The event type named in the headers; null when they name none, or several different ones, and the body has to be parsed. */
export function typeInHeaders(headers: Headers): string | null {
  const [named, ...others] = typesInHeaders(headers)
  return named !== undefined && others.every((other) => other === named) ? named : null
}
