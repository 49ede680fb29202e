import { MOST_LINKS, parseTraceparent, type SpanAttributes, type SpanContext, type SpanLink } from '../std/tracer.ts'
import { header, headerTexts, type WithHeaders } from './header.ts'

/** The version of OpenTelemetry's semantic conventions that the names of spans and attributes are from. */
export const SEMANTIC_CONVENTIONS = 'https://opentelemetry.io/schemas/1.44.0'

/** What is done with messages, by the names of Kafka's clients, and its type in the conventions. */
const operationTypes = { create: 'create', send: 'send', poll: 'receive', process: 'process', commit: 'settle' } as const

/** https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
export function messagingAttributes(operation: keyof typeof operationTypes, topic: string): SpanAttributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    'messaging.operation.type': operationTypes[operation],
    'messaging.destination.name': topic,
  }
}

/** The span of a record's publisher. Null: the record names none, or not exactly one, or what it says is no `traceparent`. */
export function publisherSpan(record: WithHeaders): SpanContext | null {
  const [named, ...others] = headerTexts(record, header.traceparent, false)
  return named === undefined || others.length > 0 ? null : parseTraceparent(named)
}

/** The most that a span may have. */
export function linksTo(contexts: readonly (SpanContext | null)[]): SpanLink[] {
  return contexts.flatMap((context) => (context === null ? [] : [{ context }])).slice(0, MOST_LINKS)
}
