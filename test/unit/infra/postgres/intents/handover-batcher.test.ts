import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createHandoverBatcher,
  type HandoverItem,
  type HandoverResult,
} from '../../../../../src/infra/postgres/intents/handover-batcher.ts'
import { SqlError } from '../../../../../src/std/sql.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

type Item = HandoverItem<string, string>

/** Writes that end when the test says so: as asked, or with an error. */
function heldWrites() {
  const writes: { readonly items: readonly string[]; end: (error?: Error) => Promise<void> }[] = []
  const patience: string[] = []
  const write = (items: readonly Item[], how: string) =>
    new Promise<readonly HandoverResult[]>((resolve, reject) => {
      const end = async (error?: Error) => {
        if (error) reject(error)
        else resolve(items.map((item) => (item.is === 'start' ? 'started' : 'settled')))
        await vi.advanceTimersByTimeAsync(0)
      }
      patience.push(how)
      writes.push({ items: items.map((item) => (item.is === 'start' ? `start ${item.start}` : `outcome ${item.outcome}`)), end })
    })
  return { writes, write, patience, seen: () => writes.map(({ items }) => items) }
}

const options = { limit: 2, startLingerMs: 2, outcomeLingerMs: 10, maxWaitMs: 10, maxItems: 100 }
const leaseMs = 60_000
const badValue = new SqlError('value', { state: '22001' })

/** A batcher with a limit of two, of which two have started. */
async function full() {
  const held = heldWrites()
  const batcher = createHandoverBatcher(held.write, options)
  for (const key of ['a', 'b']) void batcher.start({ key, leaseMs }, key)
  await vi.advanceTimersByTimeAsync(0)
  await held.writes[0]?.end()
  return { ...held, batcher }
}

describe('createHandoverBatcher', () => {
  it('writes as many starts as the limit at once, and fewer after they have lingered', async () => {
    const { write, seen } = heldWrites()
    const one = createHandoverBatcher(write, options)
    void one.start({ key: 'a', leaseMs }, 'a')
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()).toEqual([])
    void one.start({ key: 'b', leaseMs }, 'b')
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()).toEqual([['start a', 'start b']])
    const other = createHandoverBatcher(write, options)
    void other.start({ key: 'c', leaseMs }, 'c')
    await vi.advanceTimersByTimeAsync(2)
    expect(seen()[1]).toEqual(['start c'])
  })

  it('holds a start back while as many as the limit have no outcome, and writes it with the first one', async () => {
    const { batcher, seen } = await full()
    void batcher.start({ key: 'c', leaseMs }, 'c')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(seen()).toEqual([['start a', 'start b']])
    void batcher.settle('a', 'a')
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()[1]).toEqual(['outcome a', 'start c'])
  })

  it('lets an outcome linger that no start takes along', async () => {
    const { batcher, seen } = await full()
    void batcher.settle('a', 'a')
    await vi.advanceTimersByTimeAsync(9)
    expect(seen()).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()[1]).toEqual(['outcome a'])
  })

  it('starts nothing in the place of an outcome whose write has not ended', async () => {
    const { batcher, writes, seen } = await full()
    void batcher.settle('a', 'a')
    await vi.advanceTimersByTimeAsync(10)
    void batcher.start({ key: 'c', leaseMs }, 'c')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(seen()).toHaveLength(2)
    await writes[1]?.end()
    expect(seen()[2]).toEqual(['start c'])
  })

  it('writes beside a write that hangs what that leaves room for', async () => {
    const { batcher, seen } = await full()
    void batcher.settle('a', 'a')
    await vi.advanceTimersByTimeAsync(10)
    void batcher.settle('b', 'b')
    void batcher.start({ key: 'c', leaseMs }, 'c')
    await vi.advanceTimersByTimeAsync(9)
    expect(seen()).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(seen()[2]).toEqual(['outcome b', 'start c'])
  })

  it('writes each alone when a value makes a write fail: a start in the place of an outcome after that was tried', async () => {
    const { batcher, writes, patience, seen } = await full()
    const results = Promise.allSettled([batcher.settle('a', 'a'), batcher.start({ key: 'c', leaseMs }, 'c')])
    await vi.advanceTimersByTimeAsync(2)
    await writes[1]?.end(badValue)
    expect(seen().slice(2)).toEqual([['outcome a']])
    await writes[2]?.end(badValue)
    // The outcome has been tried, and is waited for by nobody while it waits for a lock.
    expect(seen().slice(3)).toEqual([['outcome a'], ['start c']])
    expect(patience).toEqual(['patient', 'brief', 'brief', 'patient', 'patient'])
    await writes[4]?.end()
    await writes[3]?.end(badValue)
    expect(await results).toMatchObject([{ reason: badValue }, { value: 'started' }])
  })

  it('writes a start beside the outcome that made a write fail where there is room for it anyway', async () => {
    const { write, writes, seen } = heldWrites()
    const batcher = createHandoverBatcher(write, options)
    void batcher.start({ key: 'a', leaseMs }, 'a')
    await vi.advanceTimersByTimeAsync(2)
    await writes[0]?.end()
    batcher.settle('a', 'a').catch(() => undefined)
    batcher.start({ key: 'b', leaseMs }, 'b').catch(() => undefined)
    await vi.advanceTimersByTimeAsync(2)
    await writes[1]?.end(badValue)
    expect(seen().slice(2)).toEqual([['outcome a'], ['start b']])
    // With others that start now, but with no outcome.
    await writes[3]?.end(badValue)
    expect(seen()).toHaveLength(4)
  })

  it('starts in the place of an outcome that was written alone, while another waits for a lock', async () => {
    const { batcher, writes, seen } = await full()
    void Promise.allSettled([batcher.settle('a', 'a'), batcher.settle('b', 'b')])
    await vi.advanceTimersByTimeAsync(0)
    await writes[1]?.end(badValue)
    expect(seen().slice(2)).toEqual([['outcome a'], ['outcome b']])
    void batcher.start({ key: 'c', leaseMs }, 'c')
    await writes[2]?.end()
    await vi.advanceTimersByTimeAsync(10)
    expect(seen()[4]).toEqual(['start c'])
  })

  it('gives everybody the error of a connection, and tries nothing again', async () => {
    const { batcher, writes, seen } = await full()
    const results = Promise.allSettled([batcher.settle('a', 'a'), batcher.start({ key: 'c', leaseMs }, 'c')])
    await vi.advanceTimersByTimeAsync(2)
    const gone = new SqlError('gone', { state: undefined })
    await writes[1]?.end(gone)
    expect(await results).toMatchObject([{ reason: gone }, { reason: gone }])
    expect(seen()).toHaveLength(2)
    // Its commit may have succeeded.
    expect(batcher.has('c')).toBe(true)
    expect(batcher.has('a')).toBe(false)
  })

  it('does not count a start of which the database says that it wrote nothing', async () => {
    const { batcher, writes, seen } = await full()
    void batcher.settle('a', 'a')
    const start = batcher.start({ key: 'c', leaseMs }, 'c').catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(2)
    await writes[1]?.end(badValue)
    await writes[2]?.end()
    expect(seen().slice(2)).toEqual([['outcome a'], ['start c']])
    await writes[3]?.end(badValue)
    expect(await start).toBe(badValue)
    expect(batcher.has('c')).toBe(false)
    void batcher.start({ key: 'd', leaseMs }, 'd')
    await vi.advanceTimersByTimeAsync(2)
    expect(seen()[4]).toEqual(['start d'])
  })

  it('does not count a start whose claim is lost', async () => {
    const batcher = createHandoverBatcher(() => Promise.resolve(['lost'] as const), options)
    const start = batcher.start({ key: 'a', leaseMs }, 'a')
    await vi.advanceTimersByTimeAsync(2)
    expect(await start).toBe('lost')
    expect(batcher.has('a')).toBe(false)
  })

  it('forgets a start whose worker broke off when its lease is over', async () => {
    const { batcher, seen } = await full()
    void batcher.start({ key: 'c', leaseMs }, 'c')
    await vi.advanceTimersByTimeAsync(leaseMs - 1_000)
    expect(seen()).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(seen()[1]).toEqual(['start c'])
  })

  it('admits starts that callers write by themselves, in their order among the others', async () => {
    const { batcher, writes, seen } = await full()
    const admitted: string[] = []
    void batcher.admit({ key: 'c', leaseMs }).then(() => admitted.push('c'))
    void batcher.start({ key: 'd', leaseMs }, 'd')
    await vi.advanceTimersByTimeAsync(100)
    expect(admitted).toEqual([])
    // The caller may commit before an outcome is written.
    void batcher.settle('a', 'a')
    await vi.advanceTimersByTimeAsync(10)
    expect(seen()[1]).toEqual(['outcome a'])
    expect(admitted).toEqual([])
    await writes[1]?.end()
    expect(admitted).toEqual(['c'])
    batcher.settled('c')
    await vi.advanceTimersByTimeAsync(0)
    expect(seen()[2]).toEqual(['start d'])
  })
})

it('never has more than the limit handed over, whatever fails and how long writes take', async () => {
  let seed = 1
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  const handedOver = new Set<string>()
  const refused = new Set<string>()
  let most = 0
  let together = 0
  const write = async (items: readonly Item[]): Promise<readonly HandoverResult[]> => {
    await new Promise((resolve) => setTimeout(resolve, random() * 30))
    if (random() < 0.2) {
      // The first try of outcomes without starts: the database refuses it, and nobody waits for them.
      if (items.every(({ is }) => is === 'outcome')) for (const item of items) if (item.is === 'outcome') refused.add(item.outcome)
      throw badValue
    }
    for (const item of items) {
      if (item.is === 'start') handedOver.add(item.start)
      else handedOver.delete(item.outcome)
    }
    if (new Set(items.map(({ is }) => is)).size === 2) together += 1
    most = Math.max(most, [...handedOver].filter((key) => !refused.has(key)).length)
    return items.map((item) => (item.is === 'start' ? 'started' : 'settled'))
  }
  const limit = 5
  const batcher = createHandoverBatcher(write, { ...options, limit })
  let sent = 0
  const worker = async (name: number) => {
    for (let count = 0; count < 200; count++) {
      const key = `${name}/${count}`
      const start = await batcher.start({ key, leaseMs }, key).catch(() => 'lost')
      if (start === 'started') {
        await new Promise((resolve) => setTimeout(resolve, random() * 10))
        sent += 1
      }
      // Beside the next one. A start that failed has an outcome, too.
      if (batcher.has(key)) void batcher.settle(key, key).catch(() => undefined)
    }
  }
  const done = Promise.all(Array.from({ length: limit }, (_, name) => worker(name)))
  await vi.runAllTimersAsync()
  await done
  expect(sent).toBeGreaterThan(500)
  expect(together).toBeGreaterThan(100)
  expect(most).toBe(limit)
})
