import { isCorrelationId } from './correlation.ts'

/** What connects an event with the request that it follows from. */
export interface PublishContext {
  /** Printable ASCII without @, at most 200 characters: correlates this event with a request in your logs. */
  readonly correlationId?: string | undefined
  /** The same for what caused this event, usually the id of another event; `causedBy(event)` gives both. */
  readonly causationId?: string | undefined
  /** The W3C `traceparent` of the current span. */
  readonly traceparent?: string | undefined
}

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00 */
export function isTraceparent(text: string): boolean {
  return /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text)
}

/**
 * The event with what the caller's context knows and the event does not say itself. An invalid value of the context is left out, as
 * the W3C asks of a traceparent (https://www.w3.org/TR/trace-context/#a-traceparent-is-received): it may come from a header of somebody
 * else's request, and must not keep an event from being published.
 */
export function inContext<Event extends PublishContext>(event: Event, context: (() => PublishContext | undefined) | undefined): Event {
  const { correlationId, causationId, traceparent } = context?.() ?? {}
  return {
    ...event,
    ...(isCorrelationId(correlationId) ? { correlationId: event.correlationId ?? correlationId } : {}),
    ...(isCorrelationId(causationId) ? { causationId: event.causationId ?? causationId } : {}),
    ...(isTraceparent(traceparent ?? '') ? { traceparent: event.traceparent ?? traceparent } : {}),
  }
}
