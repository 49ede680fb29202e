import { afterEach, describe, expect, it } from 'vitest'
import { SqlError } from '../../../src/std/sql.ts'
import { filled, fixtureOf, ours, runningFixture, soon, stopWorkers } from './worker-fixture.ts'

afterEach(stopWorkers)

describe('a progress row that has moved', () => {
  it('forward was moved by another owner: the chunk is dropped and the partition continues there', async () => {
    const { source, store, factsOf: reported } = await runningFixture()
    store.put(0, 7n)
    expect(await source.batch(0, [ours(0), ours(1), ours(2)], 3)).toBe(7n)
    expect(store.outcomes.size).toBe(0)
    expect(reported('row-moved')).toMatchObject([{ expected: 0n, row: 7n, meaning: 'another-owner' }])
    expect(await source.batch(0, [ours(7)], 8)).toBe(8n)
    expect(store.outcomes.size).toBe(1)
  })

  it('back means that the database lost data: the assignment restarts, and lost events are accepted again, marked', async () => {
    const { source, store, factsOf: reported } = await runningFixture(filled)
    await source.batch(0, [ours(0), ours(1), ours(2)], 3)
    await source.batch(1, [ours(0, 10)], 1)
    store.put(0, 1n)
    store.put(1, 0n)
    store.outcomes.clear()
    await source.batch(0, [ours(3)], 4)
    await soon(() => expect(source.placed).toEqual([{ 0: 1n, 1: 0n }]))
    expect(reported('row-moved')).toMatchObject([
      { partition: 0, expected: 3n, row: 1n, meaning: 'database-behind-kafka' },
      { partition: 1, expected: 1n, row: 0n, meaning: 'database-behind-kafka' },
    ])
    store.tried.length = 0
    expect(await source.batch(0, [ours(1), ours(2), ours(3)], 4)).toBe(4n)
    expect(store.outcomes.size).toBe(3)
    expect(store.tried.map(({ recoverBelow }) => recoverBelow)).toEqual([3n, 3n])
    expect(reported('recovered')).toMatchObject([{ partition: 0, events: 2, next: 3n, below: 3n }])
  })

  it('back is detected without a record when progress is rechecked, and only then', async () => {
    const { source, store, factsOf: reported, worker } = await runningFixture(filled)
    await source.batch(0, [ours(0), ours(1)], 2)
    await worker.recheckProgress()
    expect(source.calls).not.toContain('replace')
    store.put(0, 1n)
    await worker.recheckProgress()
    await soon(() => expect(source.placed).toEqual([{ 0: 1n, 1: 0n }]))
    expect(reported('row-moved')).toMatchObject([{ partition: 0, expected: 2n, row: 1n }])
    // Known by now: placing it once more is no second alarm.
    await source.join(0, 1)
    expect(reported('row-moved')).toHaveLength(1)
    store.away = new Error('database away')
    await expect(worker.recheckProgress()).rejects.toThrow('database away')
  })

  it('back commits nothing until the row has caught up', async () => {
    const { source, store, worker } = await runningFixture(filled)
    await source.batch(0, [ours(0), ours(1), ours(2), ours(3)], 4)
    store.put(0, 0n)
    await worker.recheckProgress()
    await soon(() => expect(source.placed).toHaveLength(1))
    await source.batch(0, [ours(0), ours(1)], 2)
    await worker.stop()
    expect(source.committed.every((offsets) => offsets[0] === undefined)).toBe(true)
  })

  it('back is also detected at a join, below our own commit; below the commit of another tool, the row decides', async () => {
    const committed = new Map([
      [0, { offset: 5n, isOwnCommit: true }],
      [1, { offset: 5n, isOwnCommit: false }],
    ])
    const {
      source,
      store,
      factsOf: reported,
      worker,
    } = fixtureOf({ committed, ranges: { 0: { low: 0n, high: 9n }, 1: { low: 0n, high: 9n } } })
    store.put(0, 3n)
    store.put(1, 3n)
    await worker.start()
    expect(await source.join(0, 1)).toEqual({ 0: 3n, 1: 3n })
    expect(reported('row-moved')).toMatchObject([{ partition: 0, expected: 5n, row: 3n, meaning: 'database-behind-kafka' }])
    expect(reported('offset-overruled')).toMatchObject([{ partition: 1, committed: 5n, row: 3n }])
    await source.batch(0, [ours(3), ours(4), ours(5)], 6)
    await source.batch(1, [ours(3, 10)], 4)
    expect(store.tried.map(({ partition, recoverBelow }) => [partition, recoverBelow])).toEqual([
      [0, 5n],
      [0, 5n],
      [1, 0n],
    ])
    await worker.stop()
    expect(source.committed).toEqual([{ 0: 6n, 1: 4n }])
  })

  it('because the answer of our own COMMIT was lost is at the end of the chunk: nothing happens twice', async () => {
    const { source, store, clock } = await runningFixture()
    let answers = 0
    store.losesAnswer = () => (++answers === 1 ? new SqlError('connection lost', {}) : null)
    const handling = source.batch(0, [ours(0), ours(1)], 2)
    await soon(() => expect(clock.sleeping.length).toBeGreaterThan(1))
    clock.advance(5_000)
    expect(await handling).toBe(2n)
    expect(store.outcomes.size).toBe(2)
    expect(await source.batch(0, [ours(2)], 3)).toBe(3n)
  })

  it('stops the group when it is gone, with the way out', async () => {
    const { source, store, worker, factsOf: reported } = await runningFixture(filled)
    store.rows.delete(0)
    await source.batch(0, [ours(0)], 1)
    await soon(() => expect(worker.status().state).toBe('refused'))
    expect(worker.status().reason).toMatch(/has read domain-events\/0 before, but its progress row is gone.*offsets reset/)
    expect(reported('row-moved')).toMatchObject([{ row: null, meaning: 'database-behind-kafka' }])
    expect(reported('group-stopped')).toHaveLength(1)
  })
})
