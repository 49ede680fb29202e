import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { beforeEach, expect, it } from 'vitest'
import { attemptEndOf, beginAttemptSpan } from '../../../src/delivery/attempt-span.ts'
import type { Settlement } from '../../../src/delivery/intent-store.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

const exporter = new InMemorySpanExporter()
const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test')
beforeEach(() => exporter.reset())

const retry: Settlement = { is: 'later', as: 'retry', reason: 'unavailable', afterMs: 1 }
const doubt = { is: 'ambiguous', reason: 'reply-lost', afterMs: 1 } as const

it.each<[string, Settlement, number, string | undefined, number]>([
  ['sent', { is: 'final', state: 'sent', reason: null }, 0, undefined, 0],
  ['sent with a note', { is: 'final', state: 'sent', reason: 'a-note' }, 0, undefined, 0],
  ['retried', retry, 0, 'unavailable', 0],
  ['dead', { is: 'final', state: 'dead', reason: 'unavailable' }, 0, 'unavailable', 2],
  ['rejected', { is: 'final', state: 'rejected', reason: 'no-such-user' }, 0, 'no-such-user', 2],
  ['in doubt for the first time', { ...doubt, hold: false }, 0, 'reply-lost', 0],
  ['in doubt again', { ...doubt, hold: false }, 1, 'reply-lost', 2],
  ['in doubt and held', { ...doubt, hold: true }, 0, 'reply-lost', 2],
])(
  'an attempt that is %s is an error where it failed, and of its delivery where no other follows',
  (outcome, settlement, ambiguous, error, status) => {
    const intent = sampleIntent({ ambiguous, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })
    const span = beginAttemptSpan(tracer, systemClock, intent, { does: 'send', attempt: 1 })
    span.performed()
    span.end(outcome, attemptEndOf(intent, settlement, { status: 250 }))
    const [finished] = exporter.getFinishedSpans()
    expect([finished?.name, finished?.attributes['error.type'], finished?.status.code, finished?.events]).toEqual([
      'send email',
      error,
      status,
      [],
    ])
    expect(finished?.attributes).toMatchObject({ 'kafka_worker.reply.status': 250, 'kafka_worker.outcome': outcome })
    expect(finished?.links.map(({ context }) => context.spanId)).toEqual(['b'.repeat(16)])
    expect(JSON.stringify(finished?.attributes)).not.toContain(intent.userId)
  },
)

it.each([null, 'nonsense'])('links to nothing where the intent names no span: %j', (traceparent) => {
  beginAttemptSpan(tracer, systemClock, sampleIntent({ traceparent }), { does: 'run', attempt: 1 }).end('done')
  expect(exporter.getFinishedSpans().map(({ name, links }) => [name, links])).toEqual([['run email', []]])
})
