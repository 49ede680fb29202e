import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { beforeEach, expect, it } from 'vitest'
import type { OutboxRecord, SendOutcome } from '../../../src/outbox/outbox-sender.ts'
import { tracedSender } from '../../../src/outbox/traced-sender.ts'
import { systemClock } from '../../../src/std/clock.ts'

const exporter = new InMemorySpanExporter()
const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test')
beforeEach(() => exporter.reset())

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
const records: readonly OutboxRecord[] = [
  { key: 'k', value: Buffer.from('1'), headers: { traceparent } },
  { key: 'k', value: Buffer.from('2'), headers: { traceparent: 'nonsense' } },
  { key: 'k', value: Buffer.from('3'), headers: {} },
]

it.each<[string, Partial<SendOutcome<OutboxRecord>>, number, string | undefined]>([
  ['are acknowledged', {}, 0, undefined],
  ['are sent again, since no broker answers', { trouble: new Error('away') }, 0, undefined],
  ['are refused', { refusal: { of: 'topic', reason: 'unknown-topic', sentence: 'create it' } }, 2, 'unknown-topic'],
])(
  'events that %s have a span that links to their publishers, and is an error only where none will be sent',
  async (_, of, status, error) => {
    const sent: OutboxRecord[] = []
    const outcome = { acknowledged: [], unknown: [], ...of }
    const sender = tracedSender(tracer, systemClock, { send: async (__, given) => (sent.push(...given), outcome) })
    expect(await sender.send('events', records)).toBe(outcome)
    expect(sent).toEqual(records)
    const [span] = exporter.getFinishedSpans()
    expect([span?.name, span?.kind, span?.status.code, span?.attributes['error.type']]).toEqual(['send events', 2, status, error])
    expect(span?.attributes['messaging.batch.message_count']).toBe(3)
    expect(span?.links.map(({ context }) => context.spanId)).toEqual(['b'.repeat(16)])
  },
)
