import { randomUUID } from 'node:crypto'
import type { Link } from '@opentelemetry/api'
import type * as Sdk from '@opentelemetry/sdk-trace'
import type { ReadableSpan, Sampler, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import { messagingAttributes, SEMANTIC_CONVENTIONS } from '../../events/messaging-spans.ts'
import type { Observe } from '../../model/fact.ts'
import { systemClock, type Clock } from '../../std/clock.ts'
import { spanClock, spanKind, type Span, type SpanAttributes, type Tracer } from '../../std/tracer.ts'
import { withinDeadline } from '../../std/within-deadline.ts'

export interface TracingSettings {
  /** Takes OTLP in JSON over HTTP. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** PEM; absent: the public authorities. */
  readonly ca?: string
  /** `service.name` and whatever else describes this service. */
  readonly resource: Readonly<Record<string, string>>
  /** As OTEL_TRACES_SAMPLER names it. */
  readonly sampler: RootSampler | `parentbased_${RootSampler}`
  readonly ratio: number
}

type RootSampler = 'always_on' | 'always_off' | 'traceidratio'

export interface Tracing {
  readonly tracer: Tracer
  /** Traces the commits of offsets, which are known from facts. */
  readonly observe: Observe
  /** Reports the spans that are dropped. */
  reportTo(observe: Observe): void
  /** Sends what is left, for {@link FLUSH_MS} at most. Never rejects. */
  close(): Promise<void>
}

/** Spans that may wait for the collector, those in flight included; about a kilobyte each. */
const MOST_SPANS = 8_192
/** Spans of one request. */
const BATCH_SPANS = 512
/** The longest that a span waits for others; milliseconds. */
const BATCH_MS = 1_000
/** The longest that one request to the collector may take, with its repetitions; milliseconds. */
const EXPORT_MS = 10_000
/** The longest that a stop waits for the collector; milliseconds. */
const FLUSH_MS = 3_000
/** How often dropped spans are reported; milliseconds. */
const REPORT_MS = 1_000

/**
 * Loads the SDK of OpenTelemetry, which nothing else does, and sends spans to a collector. Neither a slow collector nor an absent one delays
 * anything: up to {@link MOST_SPANS} spans wait in memory, further ones are dropped and reported, and so are those that it does not take.
 */
export async function openTracing(settings: TracingSettings, version: string): Promise<Tracing> {
  let report: Observe = noop
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const exporter = new OTLPTraceExporter({
    url: settings.url,
    headers: { ...settings.headers },
    timeoutMillis: EXPORT_MS,
    httpAgentOptions: { keepAlive: true, ...(settings.ca === undefined ? {} : { ca: settings.ca }) },
  })
  const queue = boundedQueue(
    exporter,
    (fact) => report(fact),
    (counted) => {
      return new sdk.BatchSpanProcessor({
        exporter: counted,
        maxQueueSize: MOST_SPANS,
        maxExportBatchSize: BATCH_SPANS,
        scheduledDelayMillis: BATCH_MS,
        exportTimeoutMillis: EXPORT_MS + REPORT_MS,
      })
    },
  )
  const root = rootSampler(sdk, settings)
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.version': version, 'service.instance.id': randomUUID(), ...settings.resource }),
    sampler: settings.sampler.startsWith('parentbased_') ? followingLinks(sdk, root) : root,
    spanProcessors: [queue],
  })
  const tracer: Tracer = provider.getTracer('kafka-worker', version, { schemaUrl: SEMANTIC_CONVENTIONS })
  return {
    tracer,
    observe: traceCommits(tracer, systemClock),
    reportTo: (observe) => (report = observe),
    close: () => withinDeadline(FLUSH_MS, provider.shutdown()).catch(() => undefined),
  }
}

const noop = () => undefined

function rootSampler(sdk: typeof Sdk, { sampler, ratio }: TracingSettings): Sampler {
  if (sampler.endsWith('traceidratio')) return new sdk.TraceIdRatioBasedSampler(ratio)
  return sampler.endsWith('always_off') ? new sdk.AlwaysOffSampler() : new sdk.AlwaysOnSampler()
}

/**
 * Spans of an event are linked and not parented, so the decision of the publisher, which samplers by parent would follow, is in the links. It is
 * followed from trace to trace: an event is recorded as a whole, or not at all.
 */
function followingLinks({ SamplingDecision }: typeof Sdk, root: Sampler): Sampler {
  return {
    shouldSample(context, traceId, name, kind, attributes, links) {
      if (links.length === 0) return root.shouldSample(context, traceId, name, kind, attributes, links)
      return { decision: links.some(isSampled) ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD }
    },
    toString: () => `FollowingLinks(${root.toString()})`,
  }
}

function isSampled({ context }: Link): boolean {
  return (context.traceFlags & 1) === 1
}

/** The SDK's processor, whose queue says neither when it is full nor what became of a batch, with both counted around it. */
function boundedQueue(exporter: SpanExporter, observe: Observe, batching: (exporter: SpanExporter) => SpanProcessor): SpanProcessor {
  let waiting = 0
  const dropped = new Map<string, { readonly reason: 'queue-full' | 'not-exported'; readonly cause: string | null; count: number }>()
  let timer: NodeJS.Timeout | null = null

  function drop(reason: 'queue-full' | 'not-exported', count: number, cause: string | null): void {
    const key = `${reason} ${cause}`
    const so = dropped.get(key) ?? { reason, cause, count: 0 }
    dropped.set(key, so)
    so.count += count
    timer ??= setTimeout(report, REPORT_MS).unref()
  }

  function report(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    for (const one of dropped.values()) observe({ is: 'spans-dropped', ...one })
    dropped.clear()
  }

  const inner = batching({
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        waiting -= spans.length
        const code: number = result.code
        if (code !== EXPORTED) drop('not-exported', spans.length, causeOf(result.error))
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  })
  return {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd(span: ReadableSpan) {
      if (waiting >= MOST_SPANS) return drop('queue-full', 1, null)
      waiting += 1
      inner.onEnd(span)
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown().finally(report),
  }
}

/** `ExportResultCode.SUCCESS`. */
const EXPORTED = 0

/** Codes alone: a message of the collector is foreign text. */
function causeOf(error: Error | undefined): string {
  const code: unknown = error !== undefined && 'code' in error ? error.code : undefined
  return typeof code === 'number' ? `the collector answered ${code}` : typeof code === 'string' ? code : 'no answer of the collector'
}

/** One span per commit of a group's offsets. A commit that the group's next assignment has overtaken leaves none. */
function traceCommits(tracer: Tracer, clock: Clock): Observe {
  const underway = new Map<string, { readonly span: Span; readonly now: () => number }>()
  return (fact) => {
    if (fact.is === 'committing') {
      const now = spanClock(clock)
      const [[partition, offset] = [], ...others] = fact.offsets
      const attributes: SpanAttributes = { ...messagingAttributes('commit', fact.topic), 'messaging.consumer.group.name': fact.group }
      if (partition !== undefined && others.length === 0) {
        attributes['messaging.destination.partition.id'] = String(partition)
        attributes['messaging.kafka.offset'] = Number(offset)
      }
      const span = tracer.startSpan(`commit ${fact.topic}`, { kind: spanKind.client, attributes, startTime: now() })
      underway.set(fact.group, { span, now })
    } else if (fact.is === 'committed' || fact.is === 'commit-failed') {
      const commit = underway.get(fact.group)
      underway.delete(fact.group)
      // A commit that failed is repeated: no error of its span.
      if (fact.is === 'commit-failed') commit?.span.setAttribute('error.type', 'commit-failed')
      commit?.span.end(commit.now())
    }
  }
}
