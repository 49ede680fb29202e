import { ERROR_STATUS, parseTraceparent, spanKind, traceparentOf, type Span, type SpanAttributes, type Tracer } from '../std/tracer.ts'
import type { EventRecord } from './event-transport.ts'
import { header } from './header.ts'
import { linksTo, messagingAttributes } from './messaging-spans.ts'

/**
 * Publishes events under a span of the caller's tracer: `send` to Kafka, `create` into a transaction's outbox, one for each topic. The events
 * carry its `traceparent`; an event that has one already keeps it, and the span links to that.
 *
 * @param publish is called within this call, once
 */
export function inSpans<Event extends EventRecord & { readonly topic: string }>(
  tracer: Tracer,
  operation: 'send' | 'create',
  events: readonly Event[],
  publish: (events: readonly Event[]) => Promise<void>,
): Promise<void> {
  const spans = new Map<string, Span>()
  for (const topic of new Set(events.map((event) => event.topic))) {
    const ofTopic = events.filter((event) => event.topic === topic)
    spans.set(topic, beginSpan(tracer, operation, topic, ofTopic))
  }
  const end = (error?: unknown) => {
    for (const span of spans.values()) {
      if (error !== undefined) {
        span.setAttribute('error.type', error instanceof Error ? error.name : '_OTHER')
        span.setStatus({ code: ERROR_STATUS })
      }
      span.end()
    }
  }
  return publish(events.map((event) => withContext(event, spans.get(event.topic)))).then(
    () => end(),
    (error: unknown) => {
      end(error)
      throw error
    },
  )
}

function beginSpan(tracer: Tracer, operation: 'send' | 'create', topic: string, events: readonly EventRecord[]): Span {
  const [first] = events
  const attributes: SpanAttributes = messagingAttributes(operation, topic)
  if (events.length === 1 && first !== undefined) {
    attributes['messaging.message.id'] = first.headers[header.id] ?? ''
    attributes['messaging.kafka.message.key'] = first.key
  } else attributes['messaging.batch.message_count'] = events.length
  const links = linksTo(events.map(({ headers }) => parseTraceparent(headers[header.traceparent] ?? '')))
  return tracer.startSpan(`${operation} ${topic}`, { kind: spanKind.producer, attributes, links })
}

function withContext<Event extends EventRecord>(event: Event, span: Span | undefined): Event {
  const traceparent = span === undefined ? null : traceparentOf(span.spanContext())
  if (traceparent === null || event.headers[header.traceparent] !== undefined) return event
  return { ...event, headers: { ...event.headers, [header.traceparent]: traceparent } }
}
