import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createOffsetCommitter } from '../../../src/ingest/offset-committer.ts'
import type { Assignment } from '../../../src/ingest/record-source.ts'

const INTERVAL_MS = 250

function assignment(epoch: number): Assignment & { end(): void } {
  const ending = new AbortController()
  return { epoch, topic: 'domain-events', partitions: [0, 1], signal: ending.signal, end: () => ending.abort() }
}

/** A broker that accepts commits unless `accepts` says otherwise. */
function broker(takes: () => boolean | Promise<boolean> = () => true) {
  const reported: Record<number, bigint>[] = []
  const source = {
    async commit(_: Assignment, offsets: ReadonlyMap<number, bigint>) {
      reported.push(Object.fromEntries(offsets))
      return takes()
    },
  }
  return { reported, source }
}

describe('commits', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('are coalesced into one commit of the highest offset of each partition', async () => {
    const { reported, source } = broker()
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    const own = assignment(1)
    for (const offset of [1n, 2n, 5n]) commits.schedule(own, 0, offset)
    commits.schedule(own, 1, 3n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1)
    expect(reported).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(reported).toEqual([{ 0: 5n, 1: 3n }])
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(reported).toHaveLength(1)
  })

  it('never go backwards within an assignment, although a restored row may', async () => {
    const { reported, source } = broker()
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.schedule(own, 0, 10n)
    await commits.flush()
    commits.schedule(own, 0, 4n)
    commits.schedule(own, 0, 10n)
    await commits.flush()
    expect(reported).toEqual([{ 0: 10n }])
    const next = assignment(2)
    commits.schedule(next, 0, 4n)
    await commits.flush()
    expect(reported).toEqual([{ 0: 10n }, { 0: 4n }])
  })

  it('are sent one at a time: one that hangs and is then refused is not retried after a newer one', async () => {
    const first = Promise.withResolvers<boolean>()
    const answers: (boolean | Promise<boolean>)[] = [first.promise]
    const { reported, source } = broker(() => answers.shift() ?? true)
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.schedule(own, 0, 12n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS)
    commits.schedule(own, 0, 17n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(reported).toEqual([{ 0: 12n }])
    first.resolve(false)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(reported).toEqual([{ 0: 12n }, { 0: 17n }])
  })

  it('that failed are retried, unless a newer offset has been scheduled meanwhile', async () => {
    let takes = false
    const { reported, source } = broker(() => takes)
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.schedule(own, 0, 1n)
    commits.schedule(own, 1, 1n)
    const flushing = commits.flush()
    commits.schedule(own, 0, 2n)
    await flushing
    takes = true
    await vi.advanceTimersByTimeAsync(INTERVAL_MS)
    expect(reported).toEqual([
      { 0: 1n, 1: 1n },
      { 0: 2n, 1: 1n },
    ])
  })

  it('of an assignment that has ended are dropped: its next owner starts at the row', async () => {
    const { reported, source } = broker(() => false)
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    const own = assignment(1)
    commits.schedule(own, 0, 1n)
    own.end()
    commits.schedule(own, 0, 2n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(reported).toEqual([])

    const second = assignment(2)
    commits.schedule(second, 0, 3n)
    const flushing = commits.flush()
    second.end()
    await flushing
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(reported).toEqual([{ 0: 3n }])
  })

  it('of an older assignment are not retried after those of a newer one', async () => {
    const { reported, source } = broker(() => false)
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    const [older, newer] = [assignment(1), assignment(2)]
    commits.schedule(older, 0, 9n)
    const flushing = commits.flush()
    commits.schedule(newer, 0, 5n)
    await flushing
    await commits.flush()
    expect(reported).toEqual([{ 0: 9n }, { 0: 5n }])
    commits.stop()
  })

  it('are no longer sent in the background after a stop', async () => {
    const { reported, source } = broker()
    const commits = createOffsetCommitter(source, INTERVAL_MS)
    commits.schedule(assignment(1), 0, 1n)
    commits.stop()
    commits.schedule(assignment(1), 0, 2n)
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 4)
    expect(reported).toEqual([])
  })
})

describe('in any order of events', () => {
  it('no commit is lower than an earlier one of the same assignment, and the last is the highest offset scheduled', async () => {
    const step = fc.oneof(
      fc.record({ note: fc.integer({ min: 0, max: 50 }), partition: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ flush: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let takes = true
        const taken = new Map<number, bigint>()
        const noted = new Map<number, bigint>()
        const commits = createOffsetCommitter(
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
            commits.schedule(own, one.partition, offset)
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
