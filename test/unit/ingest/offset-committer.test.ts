import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCommitReporter } from '../../../src/ingest/offset-committer.ts'
import type { Assignment } from '../../../src/ingest/record-source.ts'

const INTERVAL_MS = 250

function assignment(epoch: number): Assignment & { end(): void } {
  const ending = new AbortController()
  return { epoch, topic: 'domain-events', partitions: [0, 1], signal: ending.signal, end: () => ending.abort() }
}

/** A broker that takes what it is told, unless it is told not to. */
function broker(takes: () => boolean | Promise<boolean> = () => true) {
  const told: Record<number, bigint>[] = []
  const source = {
    async commit(_: Assignment, offsets: ReadonlyMap<number, bigint>) {
      told.push(Object.fromEntries(offsets))
      return takes()
    },
  }
  return { told, source }
}

describe('commits', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('are gathered: many notes are one commit of the furthest of each partition', async () => {
    const { told, source } = broker()
    const commits = createCommitReporter(source, INTERVAL_MS)
    const own = assignment(1)
    for (const offset of [1n, 2n, 5n]) commits.note(own, 0, offset)
    commits.note(own, 1, 3n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(told).toEqual([{ 0: 5n, 1: 3n }])
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(told).toHaveLength(1)
  })

  it('never go backwards in an assignment, though a restored row may', async () => {
    const { told, source } = broker()
    const commits = createCommitReporter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.note(own, 0, 10n)
    await commits.flush()
    commits.note(own, 0, 4n)
    commits.note(own, 0, 10n)
    await commits.flush()
    expect(told).toEqual([{ 0: 10n }])
    const next = assignment(2)
    commits.note(next, 0, 4n)
    await commits.flush()
    expect(told).toEqual([{ 0: 10n }, { 0: 4n }])
  })

  it('go one at a time: one that hangs and is then refused does not follow a newer one', async () => {
    const first = Promise.withResolvers<boolean>()
    const answers: (boolean | Promise<boolean>)[] = [first.promise]
    const { told, source } = broker(() => answers.shift() ?? true)
    const commits = createCommitReporter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.note(own, 0, 12n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS)
    commits.note(own, 0, 17n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(told).toEqual([{ 0: 12n }])
    first.resolve(false)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(told).toEqual([{ 0: 12n }, { 0: 17n }])
  })

  it('that were not taken are kept and tried again, under what was noted meanwhile', async () => {
    let takes = false
    const { told, source } = broker(() => takes)
    const commits = createCommitReporter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.note(own, 0, 1n)
    commits.note(own, 1, 1n)
    const flushing = commits.flush()
    commits.note(own, 0, 2n)
    await flushing
    takes = true
    await vi.advanceTimersByTimeAsync(INTERVAL_MS)
    expect(told).toEqual([
      { 0: 1n, 1: 1n },
      { 0: 2n, 1: 1n },
    ])
  })

  it('of an assignment that has ended are dropped: its next owner starts at the row', async () => {
    const { told, source } = broker(() => false)
    const commits = createCommitReporter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.note(own, 0, 1n)
    own.end()
    commits.note(own, 0, 2n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(told).toEqual([])

    const second = assignment(2)
    commits.note(second, 0, 3n)
    const flushing = commits.flush()
    second.end()
    await flushing
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(told).toEqual([{ 0: 3n }])
  })

  it('of an older assignment do not come back behind those of a newer one', async () => {
    const { told, source } = broker(() => false)
    const commits = createCommitReporter(source, INTERVAL_MS)
    const [older, newer] = [assignment(1), assignment(2)]
    commits.note(older, 0, 9n)
    const flushing = commits.flush()
    commits.note(newer, 0, 5n)
    await flushing
    await commits.flush()
    expect(told).toEqual([{ 0: 9n }, { 0: 5n }])
    commits.stop()
  })

  it('are told no more by themselves when they are stopped', async () => {
    const { told, source } = broker()
    const commits = createCommitReporter(source, INTERVAL_MS)
    commits.note(assignment(1), 0, 1n)
    commits.stop()
    commits.note(assignment(1), 0, 2n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(told).toEqual([])
  })
})

describe('whatever happens', () => {
  it('no partition is told less than Kafka has taken in the same assignment, and in the end it is told the most that was noted', async () => {
    const step = fc.oneof(
      fc.record({ note: fc.integer({ min: 0, max: 50 }), partition: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ flush: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let takes = true
        const taken = new Map<number, bigint>()
        const noted = new Map<number, bigint>()
        const commits = createCommitReporter(
          {
            async commit(_, offsets) {
              for (const [partition, offset] of offsets) {
                expect(offset).toBeGreaterThanOrEqual(taken.get(partition) ?? 0n)
                if (takes) taken.set(partition, offset)
              }
              return takes
            },
          },
          60_000,
        )
        const own = assignment(1)
        for (const one of steps) {
          if ('note' in one) {
            const offset = BigInt(one.note)
            commits.note(own, one.partition, offset)
            if ((noted.get(one.partition) ?? -1n) < offset) noted.set(one.partition, offset)
          } else {
            takes = one.flush
            await commits.flush()
          }
        }
        takes = true
        await commits.flush()
        commits.stop()
        expect(taken).toEqual(noted)
      }),
      { numRuns: 100 },
    )
  })
})
