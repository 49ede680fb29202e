import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Consumer } from '../../../src/model/consumer.ts'
import type { CrashLoopBreaker } from '../../../src/ingest/crash-loop-breaker.ts'
import { readChunks, type ChunkReader } from '../../../src/ingest/read-chunks.ts'
import type { LogRecord } from '../../../src/ingest/record-source.ts'
import { createTypeFilter } from '../../../src/ingest/type-filter.ts'
import { recordOf, recordOfEvent } from '../../support/log-records.ts'
import { sampleEvent } from '../../support/sample-event.ts'

const consumer: Consumer = { name: 'test-workers', types: ['user.signed_up'], accept: () => [], kinds: [] }

function readerOf(change: Partial<ChunkReader> = {}): ChunkReader {
  return {
    consumer,
    filter: createTypeFilter(consumer.types),
    maxEventBytes: 10_000,
    chunkEvents: 500,
    chunkBytes: 1_000_000,
    dedupeHorizon: () => 0,
    ...change,
  }
}

const all = (reader: ChunkReader, records: readonly LogRecord[], end: bigint, exemptBelow = 0n) => [
  ...readChunks(reader, { partition: 0, records, end, exemptBelow, breaker: tolerant }),
]
/** Never has enough of failures. */
const tolerant: CrashLoopBreaker = { record: () => undefined, reason: null }
const signedUp = (offset: number) => recordOfEvent(offset, sampleEvent('user.signed_up', offset))
const skipped = (offset: number) => recordOfEvent(offset, sampleEvent('user.verified', offset))

describe('reading', () => {
  it('sorts records into events, faulty and skipped', () => {
    const unnamed = recordOf(2, JSON.stringify(sampleEvent('user.verified', 2)))
    const stranger = recordOf(3, JSON.stringify({ ...sampleEvent('user.verified', 3), type: 'user.renamed' }))
    const [chunk, ...more] = all(readerOf(), [signedUp(0), skipped(1), unnamed, stranger, recordOf(4, '{'), signedUp(5)], 9n)
    expect(more).toEqual([])
    expect(chunk?.next).toBe(9n)
    expect(chunk?.events.map(({ accepted }) => accepted.offset)).toEqual([0n, 5n])
    expect(chunk?.faulty).toMatchObject([{ reason: 'not-json', eventId: null, type: null, record: { offset: 4n } }])
    expect(Object.fromEntries(chunk?.skipped ?? [])).toEqual({ 'user.verified': 2, unknown: 1 })
  })

  it('counts types outside the catalogue under one label, whatever the header holds', () => {
    const strangers = ['ada@example.com', '__proto__', 'x'.repeat(10_000)].map((type) =>
      recordOf(0, 'not even JSON', { 'event-type': type }),
    )
    const [chunk] = all(readerOf(), [...strangers, skipped(3)], 9n)
    expect([...(chunk?.skipped ?? [])]).toEqual([
      ['unknown', 3],
      ['user.verified', 1],
    ])
  })

  it('returns the next offset of a batch without records', () => {
    expect(all(readerOf(), [], 7n)).toMatchObject([{ next: 7n, events: [], faulty: [] }])
  })

  it('ends a chunk at its limit of events or bytes, and puts one large record in a chunk of its own', () => {
    const records = [0, 1, 2, 3, 4].map(signedUp)
    expect(all(readerOf({ chunkEvents: 2 }), records, 10n).map(({ next }) => next)).toEqual([2n, 4n, 10n])
    expect(all(readerOf({ chunkBytes: 1 }), records, 10n).map(({ next }) => next)).toEqual([1n, 2n, 3n, 4n, 10n])
  })

  it('is lazy: chunks that are not requested are not read', () => {
    let decided = 0
    const counting = { ...consumer, accept: () => ((decided += 1), []) }
    const chunks = readChunks(readerOf({ consumer: counting, chunkEvents: 1 }), {
      partition: 0,
      records: [signedUp(0), signedUp(1)],
      end: 2n,
      exemptBelow: 0n,
      breaker: tolerant,
    })
    chunks.next()
    expect(decided).toBe(1)
  })

  it('covers every record exactly once and in order, whatever the limits', () => {
    const shape = fc.record({
      kinds: fc.array(
        fc.constantFrom(signedUp, skipped, (offset: number) => recordOf(offset, '{')),
        { maxLength: 30 },
      ),
      gaps: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 31, maxLength: 31 }),
      chunkEvents: fc.integer({ min: 1, max: 8 }),
      chunkBytes: fc.integer({ min: 1, max: 2_000 }),
    })
    fc.assert(
      fc.property(shape, ({ kinds, gaps, chunkEvents, chunkBytes }) => {
        let at = 0
        const records = kinds.map((make, index) => make((at += 1 + (gaps[index] ?? 0))))
        const end = BigInt(at + 1 + (gaps.at(-1) ?? 0))
        const chunks = all(readerOf({ chunkEvents, chunkBytes }), records, end)
        const counted = chunks.map(
          ({ events, faulty, skipped }) => events.length + faulty.length + [...skipped.values()].reduce((sum, n) => sum + n, 0),
        )
        expect(counted.reduce((sum, n) => sum + n, 0)).toBe(records.length)
        let from = -1n
        for (const chunk of chunks) {
          const offsets = [...chunk.events, ...chunk.faulty].map(({ record }) => record.offset)
          expect(offsets.every((offset) => offset >= from && offset < chunk.next)).toBe(true)
          expect(offsets.length).toBeLessThanOrEqual(chunkEvents)
          from = chunk.next
        }
        expect(from).toBe(end)
        const handled = chunks.flatMap(({ events, faulty }) => [...events, ...faulty].map(({ record }) => record.offset))
        expect(new Set(handled).size).toBe(handled.length)
      }),
      { numRuns: 60 },
    )
  })
})

describe('a record older than the dedupe window', () => {
  const reader = readerOf({ dedupeHorizon: () => signedUp(0).timestamp + 1 })

  it('is dead-lettered with its own reason, never processed', () => {
    const [chunk] = all(reader, [signedUp(3)], 4n)
    expect(chunk?.events).toEqual([])
    expect(chunk?.faulty).toMatchObject([
      { reason: 'older-than-dedupe-window', type: 'user.signed_up', eventId: sampleEvent('user.signed_up', 3).id },
    ])
  })

  it('is exempt when it was on the topic at the first start of the group', () => {
    const [chunk] = all(reader, [signedUp(3), signedUp(4)], 5n, 4n)
    expect(chunk?.events.map(({ accepted }) => accepted.offset)).toEqual([3n])
    expect(chunk?.faulty.map(({ record }) => record.offset)).toEqual([4n])
  })
})

describe('consumer code that throws', () => {
  it('twice on one event gives that event up, without repeating the error message', () => {
    let calls = 0
    const broken = () => {
      calls += 1
      throw new TypeError('person-1@example.com is no address')
    }
    const [chunk] = all(readerOf({ consumer: { ...consumer, accept: broken } }), [signedUp(0)], 1n)
    expect(calls).toBe(2)
    expect(chunk?.faulty).toMatchObject([{ reason: 'consumer-error', attempts: 2, type: 'user.signed_up' }])
    expect(chunk?.faulty[0]?.detail).toMatch(/^TypeError/)
    expect(chunk?.faulty[0]?.detail).not.toContain('example.com')
  })

  it('once is retried', () => {
    let calls = 0
    const hiccup = () => {
      if (++calls === 1) throw new Error('once')
      return []
    }
    const [chunk] = all(readerOf({ consumer: { ...consumer, accept: hiccup } }), [signedUp(0)], 1n)
    expect(chunk?.events).toHaveLength(1)
  })
})
