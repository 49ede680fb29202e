import { describe, expect, it } from 'vitest'
import { advanceSkips, goOnAt, isBehind, type PartitionProgress } from '../../../src/ingest/partition-progress.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'

function progressOf(partition: number, row: bigint, position: bigint, change: Partial<PartitionProgress> = {}): PartitionProgress {
  const assignment = { epoch: 1, topic: 'domain-events', partitions: [0, 1, 2], signal: new AbortController().signal }
  return { assignment, partition, exemptBelow: 0n, recoverBelow: 0n, row, position, last: null, seek: false, busy: null, ...change }
}

function storeOf(...rows: readonly bigint[]): MemoryAcceptStore {
  const store = new MemoryAcceptStore()
  for (const [partition, next] of rows.entries()) store.put(partition, next)
  return store
}

const nothing = { written: [], elsewhere: new Map() }
const advance = (store: MemoryAcceptStore, partitions: readonly PartitionProgress[]) =>
  advanceSkips(store, 'test-workers', 'domain-events', partitions)

describe('rows of skipped records', () => {
  it('are written together for every partition that moved', async () => {
    const store = storeOf(0n, 5n, 9n)
    const partitions = [progressOf(0, 0n, 4n), progressOf(1, 5n, 5n), progressOf(2, 9n, 20n)]
    expect((await advance(store, partitions)).written.map(({ partition }) => partition)).toEqual([0, 2])
    expect([...store.rows.values()].map(({ next }) => next)).toEqual([4n, 5n, 20n])
    expect(partitions.map(({ row }) => row)).toEqual([4n, 5n, 20n])
    expect(partitions.every(({ busy }) => busy === null)).toBe(true)
    expect(await advance(store, partitions)).toEqual(nothing)
  })

  it('of a busy partition come later, and it is still known to be behind', async () => {
    const store = storeOf(0n, 0n)
    const busy = progressOf(0, 0n, 4n, { busy: Promise.resolve() })
    expect((await advance(store, [busy, progressOf(1, 0n, 3n)])).written).toHaveLength(1)
    expect(busy.row).toBe(0n)
    expect(isBehind(busy)).toBe(true)
    busy.busy = null
    expect((await advance(store, [busy])).written).toEqual([busy])
    expect(isBehind(busy)).toBe(false)
  })

  it('hold what was skipped when they were sent; what came meanwhile comes later', async () => {
    const store = storeOf(0n)
    const progress = progressOf(0, 0n, 4n)
    const open = Promise.withResolvers<void>()
    store.gate = open.promise
    const writing = advance(store, [progress])
    expect(progress.busy).not.toBeNull()
    progress.position = 6n
    open.resolve()
    await writing
    expect([progress.row, store.rows.get(0)?.next, isBehind(progress)]).toEqual([4n, 4n, true])
  })

  it('of an ended assignment are the next owner’s', async () => {
    const store = storeOf(0n)
    const assignment = { epoch: 1, topic: 'domain-events', partitions: [0], signal: AbortSignal.abort() }
    expect(await advance(store, [progressOf(0, 0n, 4n, { assignment })])).toEqual(nothing)
    expect(store.rows.get(0)?.next).toBe(0n)
  })

  it('that are elsewhere, or gone, are told', async () => {
    const store = storeOf(9n, 2n)
    const partitions = [progressOf(0, 5n, 7n), progressOf(1, 5n, 7n), progressOf(2, 5n, 7n)]
    const { written, elsewhere } = await advance(store, partitions)
    expect(written).toEqual([])
    expect([...elsewhere].map(([{ partition }, row]) => [partition, row])).toEqual([
      [0, 9n],
      [1, 2n],
      [2, null],
    ])
    expect(partitions.every(({ row, busy }) => row === 5n && busy === null)).toBe(true)
  })

  it('that cannot be written are still behind, and the partition is free', async () => {
    const store = storeOf(0n)
    store.away = new Error('database away')
    const progress = progressOf(0, 0n, 4n)
    await expect(advance(store, [progress])).rejects.toThrow('database away')
    expect(progress).toMatchObject({ row: 0n, position: 4n, busy: null })
    expect(isBehind(progress)).toBe(true)
  })
})

describe('going on elsewhere', () => {
  it('asks for a seek only when the position changes', () => {
    const progress = progressOf(0, 5n, 7n)
    goOnAt(progress, 7n)
    expect(progress).toMatchObject({ row: 7n, position: 7n, seek: false })
    goOnAt(progress, 3n)
    expect(progress).toMatchObject({ row: 3n, position: 3n, seek: true })
  })
})
