import { expect, it } from 'vitest'
import { openTracing, type TracingSettings } from '../../../../src/infra/telemetry/otlp-tracing.ts'
import type { Fact } from '../../../../src/model/fact.ts'
import { spanKind, type Tracer } from '../../../../src/std/tracer.ts'
import { startOtlpReceiver } from '../../../support/otlp-receiver.ts'

function settings(url: string, change: Partial<TracingSettings> = {}): TracingSettings {
  return {
    url: `${url}/v1/traces`,
    headers: {},
    resource: { 'service.name': 'test' },
    sampler: 'parentbased_always_on',
    ratio: 1,
    ...change,
  }
}

const linkedTo = (traceFlags: number) => [{ context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags } }]

function spans(tracer: Tracer, count: number): void {
  for (let index = 0; index < count; index++) tracer.startSpan('a span', { kind: spanKind.internal, attributes: { index } }).end()
}

it('drops and reports what a collector that never answers leaves no room for, and closes all the same', async () => {
  await using receiver = await startOtlpReceiver({ hangs: true })
  const tracing = await openTracing(settings(receiver.url), '1.0.0')
  const reported = Promise.withResolvers<Fact>()
  tracing.reportTo(reported.resolve)
  spans(tracing.tracer, 10_000)
  expect(await reported.promise).toEqual({ is: 'spans-dropped', reason: 'queue-full', count: 10_000 - 8_192, cause: null })
  await expect(tracing.close()).resolves.toBeUndefined()
})

it('sends what is left when it is closed', async () => {
  await using receiver = await startOtlpReceiver()
  const tracing = await openTracing(settings(receiver.url, { headers: { 'x-key': 'of a service' } }), '1.0.0')
  spans(tracing.tracer, 3)
  await tracing.close()
  expect(receiver.spans.map(({ attributes: { index } }) => index)).toEqual([0n, 1n, 2n])
  expect(receiver.spans[0]?.resource).toMatchObject({ 'service.name': 'test', 'service.version': '1.0.0' })
  expect(receiver.headers['x-key']).toBe('of a service')
})

it.each<[TracingSettings['sampler'], readonly [alone: boolean, ofSampled: boolean, ofUnsampled: boolean]]>([
  ['always_on', [true, true, true]],
  ['always_off', [false, false, false]],
  ['traceidratio', [false, false, false]],
  ['parentbased_always_on', [true, true, false]],
  ['parentbased_always_off', [false, true, false]],
  ['parentbased_traceidratio', [false, true, false]],
])('by %s records spans without a link, linked to a sampled one, and linked to one that is not: %j', async (sampler, expected) => {
  await using receiver = await startOtlpReceiver()
  const tracing = await openTracing(settings(receiver.url, { sampler, ratio: 0 }), '1.0.0')
  const recorded = [[], linkedTo(1), linkedTo(0)].map((links) => {
    const span = tracing.tracer.startSpan('a span', { kind: spanKind.internal, attributes: {}, links })
    return span.isRecording() && span.spanContext().traceFlags === 1
  })
  await tracing.close()
  expect(recorded).toEqual(expected)
})

it('one span for each commit, and none for a commit that was never answered', async () => {
  await using receiver = await startOtlpReceiver()
  const tracing = await openTracing(settings(receiver.url), '1.0.0')
  const commit = (is: 'committing' | 'committed', ...offsets: readonly (readonly [number, bigint])[]) =>
    tracing.observe({ is, group: 'a-group', topic: 'events', offsets: new Map(offsets) })
  commit('committing', [0, 1n])
  commit('committing', [0, 2n])
  commit('committed', [0, 2n])
  commit('committing', [0, 3n], [1, 7n])
  tracing.observe({ is: 'commit-failed', group: 'a-group', cause: 'away' })
  await tracing.close()
  expect(receiver.spans.map(({ name, status, attributes: of }) => [name, status, of['messaging.kafka.offset'], of['error.type']])).toEqual([
    ['commit events', 0, 2n, undefined],
    ['commit events', 0, undefined, 'commit-failed'],
  ])
})
