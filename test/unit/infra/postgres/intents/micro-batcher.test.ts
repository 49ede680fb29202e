import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMicroBatcher } from '../../../../../src/infra/postgres/intents/micro-batcher.ts'
import { SqlError } from '../../../../../src/std/sql.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A flush that ends when the test says so. */
function heldFlush() {
  const flushes: { items: readonly number[]; end: () => void }[] = []
  const flush = (items: readonly number[]) =>
    new Promise<readonly number[]>((resolve) => {
      flushes.push({ items, end: () => resolve(items.map((item) => item * 10)) })
    })
  return { flushes, flush, seen: () => flushes.map(({ items }) => items) }
}

const options = { lingerMs: 0, maxWaitMs: 10, maxItems: 3 }

describe('createMicroBatcher', () => {
  it('flushes at once when nothing is under way, with all that came in the same turn', async () => {
    const { flush, flushes, seen } = heldFlush()
    const add = createMicroBatcher(flush, options)
    const results = Promise.all([add(1), add(2)])
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([[1, 2]])
    flushes[0]?.end()
    expect(await results).toEqual([10, 20])
  })

  it('collects requests during a flush and flushes them as soon as that is done', async () => {
    const { flush, flushes, seen } = heldFlush()
    const add = createMicroBatcher(flush, options)
    void add(1)
    await vi.advanceTimersByTimeAsync(0)
    void add(2)
    await vi.advanceTimersByTimeAsync(5)
    void add(3)
    expect(seen()).toEqual([[1]])
    flushes[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([[1], [2, 3]])
  })

  it('lets nothing wait longer than it may for a flush that hangs', async () => {
    const { flush, seen } = heldFlush()
    const add = createMicroBatcher(flush, options)
    void add(1)
    await vi.advanceTimersByTimeAsync(0)
    void add(2)
    await vi.advanceTimersByTimeAsync(9)
    expect(seen()).toEqual([[1]])
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([[1], [2]])
  })

  it('flushes no more than it may at once, and the rest after it', async () => {
    const { flush, flushes, seen } = heldFlush()
    const add = createMicroBatcher(flush, options)
    const results = Promise.all([1, 2, 3, 4, 5].map((item) => add(item)))
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([[1, 2, 3]])
    flushes[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    flushes[1]?.end()
    expect(await results).toEqual([10, 20, 30, 40, 50])
  })

  it('lingers for others where set so, even with nothing under way, and starts again after each flush', async () => {
    const { flush, flushes, seen } = heldFlush()
    const add = createMicroBatcher(flush, { ...options, lingerMs: 4 })
    void add(1)
    await vi.advanceTimersByTimeAsync(3)
    void add(2)
    expect(seen()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([[1, 2]])
    flushes[0]?.end()
    await vi.advanceTimersByTimeAsync(100)
    void add(3)
    await vi.advanceTimersByTimeAsync(3)
    expect(seen()).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([[1, 2], [3]])
  })

  it('counts the lingering into the longest wait, and lingers on when a flush ends before it is over', async () => {
    const { flush, flushes, seen } = heldFlush()
    const add = createMicroBatcher(flush, { ...options, lingerMs: 4 })
    void add(1)
    await vi.advanceTimersByTimeAsync(4)
    void add(2)
    await vi.advanceTimersByTimeAsync(9)
    expect(seen()).toEqual([[1]])
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([[1], [2]])
    void add(3)
    await vi.advanceTimersByTimeAsync(2)
    flushes[0]?.end()
    flushes[1]?.end()
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([[1], [2], [3]])
  })

  it('lingers for nobody when as many wait as one flush takes', async () => {
    const { flush, seen } = heldFlush()
    const add = createMicroBatcher(flush, { ...options, lingerMs: 10 })
    for (const item of [1, 2, 3, 4]) void add(item)
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([[1, 2, 3]])
    await vi.advanceTimersByTimeAsync(10)
    expect(seen()).toEqual([[1, 2, 3], [4]])
  })

  it('lingers no more when enough wait, but takes all that come in the same turn', async () => {
    const { flush, seen } = heldFlush()
    const add = createMicroBatcher(flush, { ...options, lingerMs: 10, enough: 2, maxItems: 10 })
    void add(1)
    await vi.advanceTimersByTimeAsync(5)
    expect(seen()).toEqual([])
    for (const item of [2, 3, 4]) void add(item)
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([[1, 2, 3, 4]])
  })

  it('flushes the enough that wait when the flush under way is done, or beside it when the first has waited long enough', async () => {
    const { flush, flushes, seen } = heldFlush()
    const add = createMicroBatcher(flush, { ...options, lingerMs: 10, enough: 2, maxItems: 10 })
    void add(1)
    void add(2)
    await vi.advanceTimersByTimeAsync(0)
    void add(3)
    await vi.advanceTimersByTimeAsync(3)
    void add(4)
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([[1, 2]])
    flushes[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([
      [1, 2],
      [3, 4],
    ])
    void add(5)
    await vi.advanceTimersByTimeAsync(3)
    void add(6)
    await vi.advanceTimersByTimeAsync(6)
    expect(seen()).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(seen().at(-1)).toEqual([5, 6])
  })

  it.each(['22P02', '23514', 'P0001', '42703', '55P03', '40P01', '57014', 'XX001'])(
    'flushes each alone when one of them makes the flush fail (%s)',
    async (state) => {
      const flush = vi.fn<(items: readonly number[]) => Promise<readonly number[]>>(async (items) => {
        if (items.includes(2)) throw new SqlError('bad value', { state })
        return items
      })
      const add = createMicroBatcher(flush, options)
      const results = Promise.allSettled([add(1), add(2), add(3)])
      await vi.advanceTimersByTimeAsync(0)
      expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(flush).toHaveBeenCalledTimes(4)
    },
  )

  it.each([undefined, '57P01', '53300', '28000'])('sends one query only when the fault is everybody’s (%s)', async (state) => {
    const flush = vi.fn<() => Promise<readonly number[]>>(() => Promise.reject(new SqlError('down', { state })))
    const add = createMicroBatcher(flush, options)
    const results = Promise.allSettled([add(1), add(2)])
    await vi.advanceTimersByTimeAsync(0)
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(flush).toHaveBeenCalledTimes(1)
  })
})
