import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { beforeEach, expect, it } from 'vitest'
import { traceChunk } from '../../../src/ingest/chunk-spans.ts'
import type { ReadChunk } from '../../../src/ingest/read-chunks.ts'
import type { LogRecord } from '../../../src/ingest/record-source.ts'

const exporter = new InMemorySpanExporter()
const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test')
beforeEach(() => exporter.reset())

const campaign = '00000000-0000-4000-8000-0000000000c1'
const publisher = (digit: string) => `00-${'a'.repeat(32)}-${digit.repeat(16)}-01`

function record(offset: number, traceparent: string | readonly string[] = [], key = campaign): LogRecord {
  const headers = { traceparent: [traceparent].flat().map((text) => Buffer.from(text)) }
  return { offset: BigInt(offset), timestamp: 0, key: Buffer.from(key), value: null, headers }
}

function event(of: LogRecord): ReadChunk['events'][number] {
  const fields = { eventId: `event ${of.offset}`, type: 'user.signed_up', contentHash: new Uint8Array(), at: new Date(0), drafts: [] }
  return { record: of, accepted: { ...fields, offset: of.offset } }
}

function traced(chunk: Partial<ReadChunk>) {
  let time = 1_900_000_000_000
  const whole: ReadChunk = { next: 100n, events: [], faulty: [], skipped: new Map(), ...chunk }
  return traceChunk(tracer, () => (time += 10), whole, { group: 'a-group', topic: 'events', partition: 3, readSince: time })
}

const byOffset = () =>
  new Map(exporter.getFinishedSpans().map((span) => [span.attributes['messaging.kafka.offset'] ?? span.name, span] as const))

it('links each event to its publisher, and the poll to all of them, once each', () => {
  const trace = traced({
    events: [record(1, publisher('1')), record(2, publisher('1')), record(3, publisher('2'))].map(event),
  })
  trace.accepted(new Map([1n, 2n, 3n].map((offset) => [offset, 'accepted' as const])), 100n)
  const spans = byOffset()
  const links = (of: string | number) => spans.get(of)?.links.map(({ context: { spanId } }) => spanId[0])
  expect([1, 2, 3, 'poll events'].map(links)).toEqual([['1'], ['1'], ['2'], ['1', '2']])
  expect(spans.get('poll events')?.attributes['messaging.batch.message_count']).toBe(3)
  expect(trace.chunk.events.map(({ accepted: { traceparent } }) => traceparent?.split('-')[2])).toEqual(
    [1, 2, 3].map((offset) => spans.get(offset)?.spanContext().spanId),
  )
})

it.each([
  ['none', []],
  ['one that is malformed', 'nonsense'],
  ['two', [publisher('1'), publisher('2')]],
])('links to nothing where the headers hold %s', (_, header) => {
  traced({ events: [event(record(1, header))] }).accepted(new Map([[1n, 'no-effect']]), 100n)
  expect([...byOffset().values()].map(({ links }) => links)).toEqual([[], []])
})

it('gives the key only where it is an id', () => {
  const events = [record(1), record(2, [], 'ada@example.com'), record(3, [], 'not-an-id-but-as-long-as-one-is@e.co')].map(event)
  traced({ events }).accepted(new Map([1n, 2n, 3n].map((offset) => [offset, 'accepted' as const])), 100n)
  const spans = byOffset()
  expect([1, 2, 3].map((offset) => spans.get(offset)?.attributes['messaging.kafka.message.key'])).toEqual([campaign, undefined, undefined])
})

it('a dead letter is an error with its reason', () => {
  const unreadable = {
    record: record(1),
    eventId: null,
    type: null,
    contentHash: null,
    reason: 'not-json' as const,
    detail: 'of the value',
  }
  traced({ faulty: [unreadable], events: [event(record(2)), event(record(3))] }).accepted(
    new Map([
      [1n, 'dead-letter'],
      [2n, 'dead-letter'],
      [3n, 'repeated'],
    ]),
    100n,
  )
  const spans = byOffset()
  expect(
    [1, 2, 3].map((offset) => [
      spans.get(offset)?.status.code,
      ...['error.type', 'kafka_worker.outcome'].map((name) => spans.get(offset)?.attributes[name]),
    ]),
  ).toEqual([
    [2, 'not-json', 'dead-letter'],
    [2, 'dead-letter', 'dead-letter'],
    [0, undefined, 'repeated'],
  ])
})

it('exports nothing about records that will be read again', () => {
  const trace = traced({ events: [event(record(1)), event(record(2))] })
  expect([...byOffset().keys()]).toEqual(['poll events'])
  trace.accepted(new Map([[1n, 'accepted']]), 2n)
  expect([...byOffset().keys()]).toEqual(['poll events', 1])
})
