import type { Intent } from '../model/intent.ts'
import type { Clock } from '../std/clock.ts'
import { ERROR_STATUS, parseTraceparent, spanClock, spanKind, traceparentOf, type SpanAttributes, type Tracer } from '../std/tracer.ts'
import type { Reply, Settlement } from './intent-store.ts'

/** The span of one attempt at an intent, a trace of its own that links to the span which accepted the event. */
export interface AttemptSpan {
  /** Absent where its tracer does nothing. */
  readonly traceparent: string | undefined
  /** The other side has answered, or never will: the span ends now, whenever {@link end} is called. */
  performed(): void
  /** Ends it with the outcome, as it is about to be recorded. */
  end(outcome: string, of?: AttemptEnd): void
}

/** `error`: short, bounded and without personal data. `final`: no attempt follows, so the error is one of the delivery, too. */
export interface AttemptEnd {
  readonly reason?: string | null
  readonly error?: string | null
  readonly final?: boolean
  /** Of the reply of the relay or the endpoint. */
  readonly status?: number | undefined
}

/** @param does `send`: the effect leaves the process; `run`: it is a transaction of the database. */
export function beginAttemptSpan(
  tracer: Tracer,
  clock: Clock,
  intent: Intent,
  { does, attempt }: { readonly does: 'send' | 'run'; readonly attempt: number },
): AttemptSpan {
  const now = spanClock(clock)
  const attributes: SpanAttributes = {
    'kafka_worker.group': intent.group,
    'kafka_worker.channel': intent.channel,
    'kafka_worker.intent.id': intent.id,
    'kafka_worker.intent.kind': intent.kind,
    'kafka_worker.intent.attempt': attempt,
    'kafka_worker.campaign.id': intent.campaignId,
  }
  if (intent.eventId !== null) attributes['kafka_worker.event.id'] = intent.eventId
  const accepted = intent.traceparent === null ? null : parseTraceparent(intent.traceparent)
  const span = tracer.startSpan(`${does} ${intent.channel}`, {
    kind: does === 'send' ? spanKind.client : spanKind.internal,
    attributes,
    links: accepted === null ? [] : [{ context: accepted }],
    startTime: now(),
  })
  let endTime: number | null = null
  return {
    traceparent: traceparentOf(span.spanContext()) ?? undefined,
    performed: () => (endTime ??= now()),
    end(outcome, { reason = null, error = null, final = false, status } = {}) {
      if (span.isRecording()) {
        span.setAttribute('kafka_worker.outcome', outcome)
        if (reason !== null) span.setAttribute('kafka_worker.reason', reason)
        if (status !== undefined) span.setAttribute('kafka_worker.reply.status', status)
        if (error !== null) span.setAttribute('error.type', error)
        if (error !== null && final) span.setStatus({ code: ERROR_STATUS })
      }
      span.end(endTime ?? now())
    },
  }
}

/** What the settlement of an attempt says of it. A failure that is retried is an error of its attempt alone. */
export function attemptEndOf(intent: Intent, settlement: Settlement, reply: Reply): AttemptEnd {
  const reason = 'reason' in settlement ? settlement.reason : null
  const { status } = reply
  switch (settlement.is) {
    case 'final': {
      const failed = settlement.state === 'rejected' || settlement.state === 'dead'
      return { reason, status, final: true, error: failed ? (reason ?? settlement.state) : null }
    }
    case 'later':
      return { reason, status, error: reason }
    case 'ambiguous':
      return { reason, status, error: reason, final: settlement.hold || intent.ambiguous > 0 }
    case 'deferred':
    case 'moved':
      return { reason }
  }
}
