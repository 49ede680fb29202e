import { describe, expect, it } from 'vitest'
import { writeSkippedProgress, continueAt, hasUnwrittenProgress, type PartitionProgress } from '../../../src/ingest/partition-progress.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'

function progressOf(partition: number, row: bigint, position: bigint, change: Partial<PartitionProgress> = {}): PartitionProgress {
  const assignment = { epoch: 1, topic: 'domain-events', partitions: [0, 1, 2], signal: new AbortController().signal }
  return {
    assignment,
    partition,
    exemptBelow: 0n,
    recoverBelow: 0n,
    storedOffset: row,
    nextOffset: position,
    last: null,
    needsSeek: false,
    busy: null,
    ...change,
  }
}

function storeOf(...rows: readonly bigint[]): MemoryAcceptStore {
  const store = new MemoryAcceptStore()
  for (const [partition, next] of rows.entries()) store.put(partition, next)
  return store
}

const nothing = { written: [], conflicts: new Map() }
const advance = (store: MemoryAcceptStore, partitions: readonly PartitionProgress[]) =>
  writeSkippedProgress(store, 'test-workers', 'domain-events', partitions)

describe('progress of skipped records', () => {
  it('is written in one statement for all partitions that moved', async () => {
    const store = storeOf(0n, 5n, 9n)
    const partitions = [progressOf(0, 0n, 4n), progressOf(1, 5n, 5n), progressOf(2, 9n, 20n)]
    expect((await advance(store, partitions)).written.map(({ partition }) => partition)).toEqual([0, 2])
    expect([...store.rows.values()].map(({ next }) => next)).toEqual([4n, 5n, 20n])
    expect(partitions.map(({ storedOffset: row }) => row)).toEqual([4n, 5n, 20n])
    expect(partitions.every(({ busy }) => busy === null)).toBe(true)
    expect(await advance(store, partitions)).toEqual(nothing)
  })

  it('of a busy partition is written later, and remains pending', async () => {
    const store = storeOf(0n, 0n)
    const busy = progressOf(0, 0n, 4n, { busy: Promise.resolve() })
    expect((await advance(store, [busy, progressOf(1, 0n, 3n)])).written).toHaveLength(1)
    expect(busy.storedOffset).toBe(0n)
    expect(hasUnwrittenProgress(busy)).toBe(true)
    busy.busy = null
    expect((await advance(store, [busy])).written).toEqual([busy])
    expect(hasUnwrittenProgress(busy)).toBe(false)
  })

  it('covers the records skipped when it was sent; later ones are written later', async () => {
    const store = storeOf(0n)
    const progress = progressOf(0, 0n, 4n)
    const open = Promise.withResolvers<void>()
    store.gate = open.promise
    const writing = advance(store, [progress])
    expect(progress.busy).not.toBeNull()
    progress.nextOffset = 6n
    open.resolve()
    await writing
    expect([progress.storedOffset, store.rows.get(0)?.next, hasUnwrittenProgress(progress)]).toEqual([4n, 4n, true])
  })

  it('of an ended assignment is left to the next owner', async () => {
    const store = storeOf(0n)
    const assignment = { epoch: 1, topic: 'domain-events', partitions: [0], signal: AbortSignal.abort() }
    expect(await advance(store, [progressOf(0, 0n, 4n, { assignment })])).toEqual(nothing)
    expect(store.rows.get(0)?.next).toBe(0n)
  })

  it('reports rows that hold another offset or are gone', async () => {
    const store = storeOf(9n, 2n)
    const partitions = [progressOf(0, 5n, 7n), progressOf(1, 5n, 7n), progressOf(2, 5n, 7n)]
    const { written, conflicts: elsewhere } = await advance(store, partitions)
    expect(written).toEqual([])
    expect([...elsewhere].map(([{ partition }, row]) => [partition, row])).toEqual([
      [0, 9n],
      [1, 2n],
      [2, null],
    ])
    expect(partitions.every(({ storedOffset: row, busy }) => row === 5n && busy === null)).toBe(true)
  })

  it('that cannot be written remains pending, and the partition is not busy', async () => {
    const store = storeOf(0n)
    store.away = new Error('database away')
    const progress = progressOf(0, 0n, 4n)
    await expect(advance(store, [progress])).rejects.toThrow('database away')
    expect(progress).toMatchObject({ storedOffset: 0n, nextOffset: 4n, busy: null })
    expect(hasUnwrittenProgress(progress)).toBe(true)
  })
})

describe('continuing at another offset', () => {
  it('needs a seek only when the next offset changes', () => {
    const progress = progressOf(0, 5n, 7n)
    continueAt(progress, 7n)
    expect(progress).toMatchObject({ storedOffset: 7n, nextOffset: 7n, needsSeek: false })
    continueAt(progress, 3n)
    expect(progress).toMatchObject({ storedOffset: 3n, nextOffset: 3n, needsSeek: true })
  })
})
