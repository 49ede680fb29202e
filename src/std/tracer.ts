import type { Clock } from './clock.ts'

/**
 * The part of OpenTelemetry's `Tracer` that this program uses. A tracer of `@opentelemetry/api` 1.x fits as it is; nothing of that package is
 * loaded for it. Where tracing is off there is no tracer at all, so that no attribute is built in vain.
 */
export interface Tracer {
  startSpan(name: string, settings: SpanSettings): Span
}

export interface SpanSettings {
  readonly kind: SpanKind
  /** No personal data. */
  readonly attributes: SpanAttributes
  /** Contexts of other traces; mutable, because OpenTelemetry's type is. */
  readonly links?: SpanLink[]
  /** Milliseconds since 1970; now when not given. */
  readonly startTime?: number
}

export type SpanAttributes = Record<string, string | number>

export interface SpanLink {
  readonly context: SpanContext
}

export interface Span {
  spanContext(): SpanContext
  /** False where the span is not sampled: nothing that is set on it is kept. */
  isRecording(): boolean
  setAttribute(name: string, value: string | number): unknown
  setStatus(status: { readonly code: typeof ERROR_STATUS }): unknown
  /** @param endTime milliseconds since 1970; now when not given */
  end(endTime?: number): void
}

export interface SpanContext {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  /** Bit 0: sampled. */
  readonly traceFlags: number
}

/** `SpanKind` of OpenTelemetry. */
export type SpanKind = (typeof spanKind)[keyof typeof spanKind]

export const spanKind: { readonly internal: 0; readonly client: 2; readonly producer: 3; readonly consumer: 4 } = {
  internal: 0,
  client: 2,
  producer: 3,
  consumer: 4,
}

/** `SpanStatusCode.ERROR` of OpenTelemetry. */
export const ERROR_STATUS = 2

/** The most links of a span; OpenTelemetry's SDKs drop the rest by default. */
export const MOST_LINKS = 128

/** The W3C header of a span; null where its tracer does nothing. https://www.w3.org/TR/trace-context/#traceparent-header */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string | null {
  return isUnset(traceId) || isUnset(spanId) ? null : `00-${traceId}-${spanId}-${(traceFlags & 1) === 1 ? '01' : '00'}`
}

/** The span that a W3C header names; null for what is none, which is ignored. Of later versions the known part is read. */
export function parseTraceparent(text: string): SpanContext | null {
  const [, version, traceId, spanId, flags, rest] = pattern.exec(text) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return null
  if (version === 'ff' || (version === '00' && rest !== undefined) || isUnset(traceId) || isUnset(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 }
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

function isUnset(id: string): boolean {
  return /^0*$/.test(id)
}

/**
 * The time of day in milliseconds since 1970 as it was at the call, moving on with the monotonic clock: a span that begins and ends by it is
 * as long as its work took, whatever is done to the time of day meanwhile.
 */
export function spanClock(clock: Pick<Clock, 'now' | 'monotonic'>): () => number {
  const ahead = clock.now() - clock.monotonic()
  return () => ahead + clock.monotonic()
}
