import { AsyncLocalStorage } from 'node:async_hooks'
import { context, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { beforeEach, expect, it } from 'vitest'
import { createPublisher } from '../../../src/events/publisher.ts'
import type { EventRecord } from '../../../src/events/event-transport.ts'

const exporter = new InMemorySpanExporter()
const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test')
const fact = {
  accountId: '00000000-0000-4000-8000-0000000000a0',
  campaignId: '00000000-0000-4000-8000-0000000000c1',
  userId: '00000000-0000-4000-8000-0000000000a1',
  email: 'ada@example.com',
}
const ownTraceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`

beforeEach(() => exporter.reset())

/** What an application has: the active span follows its asynchronous calls. */
class AsyncContext implements ContextManager {
  readonly #stored = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.#stored.getStore() ?? ROOT_CONTEXT
  }

  with<Args extends unknown[], Work extends (...args: Args) => ReturnType<Work>>(
    of: Context,
    work: Work,
    self?: ThisParameterType<Work>,
    ...args: Args
  ): ReturnType<Work> {
    return this.#stored.run(of, () => work.call(self, ...args))
  }

  bind<Target>(_: Context, target: Target): Target {
    return target
  }

  enable(): this {
    return this
  }

  disable(): this {
    return this
  }
}

function recorder(fails?: Error) {
  const sent: EventRecord[] = []
  const transport = {
    send: async (_: string, records: readonly EventRecord[]) => {
      if (fails !== undefined) throw fails
      sent.push(...records)
    },
  }
  return {
    sent,
    publisher: createPublisher({ transport, topic: 'domain-events', tracer, context: () => ({ traceparent: ownTraceparent }) }),
  }
}

it('the span of a publish is a child of the active one, and its events carry it in place of what the context says', async () => {
  context.setGlobalContextManager(new AsyncContext())
  const { sent, publisher } = recorder()
  const request = tracer.startSpan('a request')
  await context.with(trace.setSpan(context.active(), request), () => publisher.publishUserSignedUp(fact))
  context.disable()
  const [span] = exporter.getFinishedSpans()
  expect([span?.name, span?.parentSpanContext?.spanId]).toEqual(['send domain-events', request.spanContext().spanId])
  const { traceId, spanId } = span?.spanContext() ?? {}
  expect(sent.map(({ headers }) => headers['traceparent'])).toEqual([`00-${traceId}-${spanId}-01`])
})

it('a list has one span and its count, and an event that has a context of its own keeps it, with a link', async () => {
  const { sent, publisher } = recorder()
  const other = { ...fact, userId: '00000000-0000-4000-8000-0000000000a2', traceparent: ownTraceparent }
  await publisher.publishMany([
    { type: 'user.signed_up', ...fact },
    { type: 'user.signed_up', ...other },
  ])
  const [span, ...others] = exporter.getFinishedSpans()
  expect(others).toEqual([])
  expect(span?.attributes).toEqual({
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'domain-events',
    'messaging.batch.message_count': 2,
  })
  expect(span?.links.map(({ context: { spanId } }) => spanId)).toEqual(['d'.repeat(16)])
  expect(sent.map(({ headers }) => headers['traceparent'])).toEqual([
    expect.stringContaining(`-${span?.spanContext().spanId}-`),
    ownTraceparent,
  ])
})

it('a publish that fails is an error by its class, without its message', async () => {
  const { publisher } = recorder(new RangeError('about ada@example.com'))
  await expect(publisher.publishUserSignedUp(fact)).rejects.toThrow('about ada@example.com')
  const [span] = exporter.getFinishedSpans()
  expect([span?.status, span?.attributes['error.type'], span?.events]).toEqual([{ code: 2 }, 'RangeError', []])
})

it('an invalid event has no span', async () => {
  const { publisher } = recorder()
  await expect(publisher.publishUserSignedUp({ ...fact, email: '' })).rejects.toThrow('email')
  expect(exporter.getFinishedSpans()).toEqual([])
})
