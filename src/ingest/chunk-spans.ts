import { linksTo, messagingAttributes, publisherSpan } from '../events/messaging-spans.ts'
import { ERROR_STATUS, spanKind, traceparentOf, type Span, type SpanAttributes, type SpanContext, type Tracer } from '../std/tracer.ts'
import type { EventOutcome } from './accept-store.ts'
import type { ReadChunk } from './read-chunks.ts'
import type { LogRecord } from './record-source.ts'

/** A chunk whose events name the span that accepts them. */
export interface TracedChunk {
  readonly chunk: ReadChunk
  /** The records below `next` are accepted with these outcomes. Without this call nothing is exported: they will be read again. */
  accepted(outcomes: ReadonlyMap<bigint, EventOutcome>, next: bigint): void
}

/**
 * Traces a chunk that was read and is about to be accepted: one `poll` span over its reading, and one `process` span for each record that the
 * group handles, from here to the commit of its transaction. Each is a trace of its own and links to the span that published its event.
 *
 * @param now the time of day; see `spanClock`
 * @param of.readSince when its reading began, by `now`
 */
export function traceChunk(
  tracer: Tracer,
  now: () => number,
  chunk: ReadChunk,
  of: { readonly group: string; readonly topic: string; readonly partition: number; readonly readSince: number },
): TracedChunk {
  const startTime = now()
  const inPartition = { 'messaging.consumer.group.name': of.group, 'messaging.destination.partition.id': String(of.partition) }
  const publishers = new Map([...chunk.events, ...chunk.faulty].map(({ record }) => [record, publisherSpan(record)]))
  const spans = new Map<bigint, Span>()

  poll()
  const faulty = chunk.faulty.map((one) => ({ span: process(one.record, one), ...one }))
  const events = chunk.events.map(({ record, accepted }) => {
    const span = process(record, accepted)
    spans.set(record.offset, span)
    return { record, accepted: { ...accepted, traceparent: traceparentOf(span.spanContext()) ?? undefined } }
  })

  function poll(): void {
    const contexts = new Map([...publishers.values()].map((context) => [context?.spanId, context]))
    const attributes = {
      ...messagingAttributes('poll', of.topic),
      ...inPartition,
      'messaging.batch.message_count': publishers.size,
    }
    tracer
      .startSpan(`poll ${of.topic}`, {
        kind: spanKind.client,
        attributes,
        links: linksTo([...contexts.values()].map((context) => context ?? null)),
        startTime: of.readSince,
      })
      .end(startTime)
  }

  function process(record: LogRecord, event: { readonly eventId: string | null; readonly type: string | null }): Span {
    const attributes: SpanAttributes = {
      ...messagingAttributes('process', of.topic),
      ...inPartition,
      'messaging.kafka.offset': Number(record.offset),
    }
    const key = idIn(record.key)
    if (key !== null) attributes['messaging.kafka.message.key'] = key
    if (event.eventId !== null) attributes['messaging.message.id'] = event.eventId
    if (event.type !== null) attributes['kafka_worker.event.type'] = event.type
    const publisher: SpanContext | null = publishers.get(record) ?? null
    return tracer.startSpan(`process ${of.topic}`, { kind: spanKind.consumer, attributes, links: linksTo([publisher]), startTime })
  }

  return {
    chunk: { ...chunk, events },
    accepted(outcomes, next) {
      const endTime = now()
      for (const { span, record, reason } of faulty) {
        if (record.offset < next) endSpan(span, 'dead-letter', reason, endTime)
      }
      for (const [offset, span] of spans) {
        const outcome = outcomes.get(offset)
        if (offset < next && outcome !== undefined) endSpan(span, outcome, outcome === 'dead-letter' ? outcome : null, endTime)
      }
    },
  }
}

function endSpan(span: Span, outcome: EventOutcome, error: string | null, endTime: number): void {
  if (span.isRecording()) {
    span.setAttribute('kafka_worker.outcome', outcome)
    if (error !== null) {
      span.setAttribute('error.type', error)
      span.setStatus({ code: ERROR_STATUS })
    }
  }
  span.end(endTime)
}

/** The key of an event is the id of a campaign; anything else in its place may be an address. */
function idIn(key: Buffer | null): string | null {
  if (key?.length !== UUID_LENGTH) return null
  const text = key.toString('latin1')
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text : null
}

const UUID_LENGTH = 36
