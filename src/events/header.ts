/** Header names of an event. */
export const header = {
  type: 'event-type',
  version: 'event-version',
  id: 'event-id',
  contentType: 'content-type',
  timestamp: 'timestamp',
  correlationId: 'correlation-id',
  causationId: 'causation-id',
  traceparent: 'traceparent',
  /** Of the program that publishes it. */
  producer: 'producer',
} as const

/** The CloudEvents binary mode equivalent of `event-type`. */
export const cloudEventsType = 'ce_type'

/** The headers of a record. */
export interface WithHeaders {
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>
  /**
   * All values of one header as UTF-8, empty ones too, without decoding the others; without this function, `headers` are read.
   *
   * @param recurs false for values that are different in each record, which are not kept for the next one
   */
  headerTexts?(name: string, recurs?: boolean): readonly string[]
}

/** All values of a header, which may occur more than once; empty ones are ignored. */
export function headerTexts(record: WithHeaders, name: string, recurs = true): readonly string[] {
  return (record.headerTexts?.(name, recurs) ?? texts(record.headers[name] ?? [])).filter((text) => text !== '')
}

function texts(value: Buffer | readonly Buffer[]): readonly string[] {
  return (value instanceof Uint8Array ? [value] : value).map((bytes) => bytes.toString('utf8'))
}

/** The event types named in the headers. */
export function typesInHeaders(record: WithHeaders): readonly string[] {
  const own = headerTexts(record, header.type)
  return own.length > 0 ? own : headerTexts(record, cloudEventsType)
}

/** The event type named in the headers; null when they name none, or several different ones, and the body has to be parsed. */
export function typeInHeaders(record: WithHeaders): string | null {
  const [named, ...others] = typesInHeaders(record)
  return named !== undefined && others.every((other) => other === named) ? named : null
}
