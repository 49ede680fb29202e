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

/** The texts of a header, one for each time that it is given; one without a value says nothing. */
export function headerTexts(headers: Headers, name: string): readonly string[] {
  const value = headers[name] ?? []
  return (value instanceof Uint8Array ? [value] : value).filter(({ length }) => length > 0).map((text) => text.toString('utf8'))
}

/** The event types that the headers name: of more than one, at most one can be true. */
export function typesInHeaders(headers: Headers): readonly string[] {
  const own = headerTexts(headers, header.type)
  return own.length > 0 ? own : headerTexts(headers, cloudEventsType)
}

/** The event type that the headers name, or null when they name none or several: then the body has to be parsed to know it. */
export function typeInHeaders(headers: Headers): string | null {
  const [named, ...others] = typesInHeaders(headers)
  return named !== undefined && others.every((other) => other === named) ? named : null
}
