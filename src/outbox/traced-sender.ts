import { linksTo, messagingAttributes, publisherSpan } from '../events/messaging-spans.ts'
import type { Clock } from '../std/clock.ts'
import { ERROR_STATUS, spanClock, spanKind, type SpanAttributes, type Tracer } from '../std/tracer.ts'
import type { OutboxSender } from './outbox-sender.ts'

/**
 * A sender with one `send` span per request to Kafka, which links to the spans that published its events. Those stay the context of the events:
 * their headers are sent as the platform wrote them. A request that will be repeated is no error of its span.
 */
export function tracedSender(tracer: Tracer, clock: Clock, sender: Pick<OutboxSender, 'send'>): Pick<OutboxSender, 'send'> {
  return {
    async send(topic, records) {
      const now = spanClock(clock)
      const attributes: SpanAttributes = { ...messagingAttributes('send', topic), 'messaging.batch.message_count': records.length }
      const publishers = records.map(({ headers }) =>
        publisherSpan({ headers: {}, headerTexts: (name) => (headers[name] === undefined ? [] : [headers[name]]) }),
      )
      const span = tracer.startSpan(`send ${topic}`, { kind: spanKind.client, attributes, links: linksTo(publishers), startTime: now() })
      try {
        const outcome = await sender.send(topic, records)
        if (outcome.refusal !== undefined) {
          span.setAttribute('error.type', outcome.refusal.reason)
          span.setStatus({ code: ERROR_STATUS })
        }
        return outcome
      } finally {
        span.end(now())
      }
    },
  }
}
