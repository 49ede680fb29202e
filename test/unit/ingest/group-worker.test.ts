import { afterEach, describe, expect, it } from 'vitest'
import type { PauseReason } from '../../../src/model/pressure.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { StartRefused } from '../../../src/ingest/start-offsets.ts'
import { recordOf } from '../../support/log-records.ts'
import { filled, fixtureOf, others, ours, runningFixture, soon, stopWorkers } from './worker-fixture.ts'

afterEach(stopWorkers)

describe('a gap in the log', () => {
  it('moves the row and the commit without a record, but only when everything before it is handled', async () => {
    const { source, store, worker } = await runningFixture({ reportEveryMs: 1 })
    await source.batch(0, [ours(0)], 1)
    source.pass(0, 1, 4)
    source.pass(0, 4, 6)
    source.pass(1, 5, 9)
    const rows = () => [...store.rows.values()].map(({ partition, next }) => [partition, next])
    await soon(() =>
      expect(rows()).toEqual([
        [0, 6n],
        [1, 0n],
      ]),
    )
    await source.batch(0, [ours(6)], 7)
    await soon(() =>
      expect(rows()).toEqual([
        [0, 7n],
        [1, 0n],
      ]),
    )
    await worker.stop()
    expect(source.committed.at(-1)).toMatchObject({ 0: 7n })
  })
})

describe('starting', () => {
  it('writes a row for every partition before it joins, and commits the offsets of the rows', async () => {
    const { worker, source, store } = fixtureOf()
    expect(worker.status()).toEqual({ state: 'starting', reason: null, partitions: [] })
    await worker.start()
    expect([...store.rows.values()].map(({ partition, next }) => [partition, next])).toEqual([
      [0, 0n],
      [1, 0n],
    ])
    expect(await source.join(1)).toEqual({ 1: 0n })
    expect(worker.status()).toEqual({ state: 'running', reason: null, partitions: [1] })
    await worker.stop()
    expect(source.committed).toEqual([{ 1: 0n }])
  })

  it('is refused with a sentence, without joining, when KAFKA_START_FROM is required and not set', async () => {
    const { worker, source, store } = fixtureOf({ ranges: { 0: { low: 0n, high: 9n } } })
    expect(await worker.start()).toMatch(/starts for the first time/)
    expect(source.calls).toEqual(['stop'])
    expect(worker.status().state).toBe('refused')
    expect(store.rows.size).toBe(0)
  })

  it('reads the offsets of a time when KAFKA_START_FROM is one', async () => {
    const { worker, store } = fixtureOf({ ranges: { 0: { low: 0n, high: 9n } }, startFrom: new Date(0) })
    await worker.start()
    expect(store.rows.get(0)).toEqual({ partition: 0, next: 3n, exemptBelow: 9n })
  })

  it('continues at the rows, whichever process wrote them', async () => {
    const { worker, source, store } = fixtureOf({ ranges: { 0: { low: 0n, high: 9n }, 1: { low: 0n, high: 9n } } })
    store.put(0, 4n)
    store.put(1, 7n)
    await worker.start()
    expect(await source.join(0, 1)).toEqual({ 0: 4n, 1: 7n })
  })

  it('waits for the database at a join, reports it, and continues when the database answers', async () => {
    const { worker, source, store, clock, factsOf: reported } = fixtureOf()
    await worker.start()
    store.away = new Error('database away')
    const joining = source.join(0, 1)
    await soon(() => expect(worker.status()).toMatchObject({ state: 'waiting', reason: 'start offsets: database away' }))
    store.away = null
    clock.advance(5_000)
    expect(await joining).toEqual({ 0: 0n, 1: 0n })
    expect(worker.status().state).toBe('running')
    expect(reported('waiting')).toHaveLength(1)
  })

  it('stops only the group that may not continue, with a reason', async () => {
    const { worker, source, store, factsOf: reported } = fixtureOf()
    await worker.start()
    store.put(0, 99n)
    await expect(source.join(0)).rejects.toThrow(StartRefused)
    expect(worker.status()).toMatchObject({ state: 'refused', reason: expect.stringContaining('is at offset 99') })
    await soon(() => expect(source.calls).toContain('stop'))
    expect(reported('group-stopped')).toHaveLength(1)
    await worker.stop()
    expect(worker.status().state).toBe('refused')
  })
})

describe('a batch', () => {
  it('is accepted chunk by chunk, and its gaps are passed', async () => {
    const { source, store, factsOf: reported, worker } = await runningFixture()
    expect(await source.batch(0, [ours(0), others(1), ours(2), recordOf(3, '{'), ours(5)], 9)).toBe(9n)
    expect(store.tried.map(({ expected, next }) => [expected, next])).toEqual([
      [0n, 3n],
      [3n, 9n],
    ])
    expect(store.rows.get(0)?.next).toBe(9n)
    expect(store.intents.size).toBe(3)
    expect(reported('accepted').map(({ next, intents }) => [next, intents])).toEqual([
      [3n, 2],
      [9n, 1],
    ])
    expect(reported('fetched')).toMatchObject([{ partition: 0, records: 5, nextOffset: 9n }])
    expect(reported('dead-lettered')).toMatchObject([{ offset: 3n, reason: 'not-json' }])
    await worker.stop()
    expect(source.committed.at(-1)).toEqual({ 0: 9n, 1: 0n })
  })

  it('that is delivered again changes nothing: records below the next offset are not read', async () => {
    const { source, store } = await runningFixture()
    await source.batch(0, [ours(0), ours(1)], 2)
    expect(await source.batch(0, [ours(0), ours(1), ours(2)], 3)).toBe(3n)
    expect(store.tried.flatMap(({ events }) => events.map(({ offset }) => offset))).toEqual([0n, 1n, 2n])
  })

  it('of an ended assignment, or of a partition that is not owned, is ignored', async () => {
    const { source, store } = await runningFixture()
    const older = source.assignment
    await source.join(0)
    expect(await source.batch(0, [ours(0)], 1, older)).toBe(1n)
    expect(await source.batch(1, [ours(0)], 1)).toBe(1n)
    expect(store.tried).toEqual([])
  })

  it('stops in the middle when the assignment ends', async () => {
    const { source, store } = await runningFixture()
    const open = Promise.withResolvers<void>()
    store.gate = open.promise
    const handling = source.batch(0, [ours(0), ours(1), ours(2), ours(3)], 4)
    await soon(() => expect(store.tried).toHaveLength(1))
    source.endAssignment()
    open.resolve()
    expect(await handling).toBe(2n)
    expect(store.tried).toHaveLength(1)
  })

  it('waits during a transient error, reports it, and continues', async () => {
    const { source, store, clock, worker, factsOf: reported } = await runningFixture()
    store.refuses = () => new SqlError('away', {})
    const handling = source.batch(0, [ours(0)], 1)
    await soon(() => expect(worker.status()).toMatchObject({ state: 'waiting', reason: 'database: SQLSTATE none', partitions: [0, 1] }))
    store.refuses = () => null
    await soon(() => expect(clock.sleeping.length).toBeGreaterThan(1))
    clock.advance(5_000)
    expect(await handling).toBe(1n)
    expect(worker.status()).toEqual({ state: 'running', reason: null, partitions: [0, 1] })
    expect(reported('resumed')).toHaveLength(1)
  })
})

describe('skipped records', () => {
  it('move the next offset at once and the row later; only the row is committed', async () => {
    const { source, store, worker, factsOf: reported } = await runningFixture()
    expect(await source.batch(0, [others(0), others(1)], 2)).toBe(2n)
    expect(store.rows.get(0)?.next).toBe(0n)
    expect(reported('accepted')).toMatchObject([{ next: 2n, intents: 0, durationMs: 0 }])
    expect(await source.batch(0, [ours(2)], 3)).toBe(3n)
    expect(store.tried.map(({ expected, next }) => [expected, next])).toEqual([[0n, 3n]])
    expect(await source.batch(1, [others(0)], 5)).toBe(5n)
    await worker.stop()
    expect(store.rows.get(1)?.next).toBe(5n)
    expect(source.committed).toEqual([{ 0: 3n, 1: 5n }])
  })

  it('are written in the background, also for a partition that was busy at first', async () => {
    const { source, store } = await runningFixture({ reportEveryMs: 1 })
    await source.batch(0, [others(0)], 1)
    await soon(() => expect(store.rows.get(0)?.next).toBe(1n))
    const open = Promise.withResolvers<void>()
    store.gate = open.promise
    const busy = source.batch(0, [ours(1), ours(2), others(3)], 4)
    await source.batch(1, [others(0)], 1)
    open.resolve()
    expect(await busy).toBe(4n)
    await soon(() => expect([store.rows.get(0)?.next, store.rows.get(1)?.next]).toEqual([4n, 1n]))
    await soon(() => expect(source.committed.at(-1)).toMatchObject({ 0: 4n }))
  })

  it('cause a seek when another owner has moved the row', async () => {
    const { source, store } = await runningFixture({ reportEveryMs: 1 })
    store.put(0, 8n)
    await source.batch(0, [others(0)], 1)
    await soon(async () => expect(await source.batch(0, [], 1)).toBe(8n))
    expect(store.rows.get(0)?.next).toBe(8n)
  })

  it('are only reported when their row cannot be written', async () => {
    const { source, store, factsOf: reported } = await runningFixture({ reportEveryMs: 1 })
    store.away = new Error('database away')
    await source.batch(0, [others(0)], 1)
    await soon(() => expect(reported('commit-failed')[0]?.cause).toBe('progress of skipped records: database away'))
    store.away = null
    await soon(() => expect(store.rows.get(0)?.next).toBe(1n))
  })
})

describe('the reason a group waits for', () => {
  it('is reported while one of its partitions waits, and cleared with the assignment', async () => {
    const { source, store, clock, worker } = await runningFixture(filled)
    store.refuses = () => new SqlError('away', {})
    const handling = [source.batch(0, [ours(0)], 1), source.batch(1, [ours(0, 10)], 1)]
    await soon(() => expect(clock.sleeping.length).toBe(3))
    store.refuses = (chunk) => (chunk.partition === 0 ? null : new SqlError('away', {}))
    clock.advance(200)
    await handling[0]
    await soon(() => expect(clock.sleeping.length).toBe(2))
    expect(worker.status()).toMatchObject({ state: 'waiting', reason: 'database: SQLSTATE none' })
    await source.join(1)
    await handling[1]
    expect(worker.status()).toEqual({ state: 'running', reason: null, partitions: [1] })
  })
})

describe('stopping', () => {
  it('is one promise for every caller, and leaves the group after the last commit', async () => {
    const { source, worker } = await runningFixture()
    await source.batch(0, [ours(0)], 1)
    await Promise.all([worker.stop(), worker.stop()])
    expect(source.calls).toEqual(['start', 'stop'])
    expect(source.committed).toEqual([{ 0: 1n, 1: 0n }])
    expect(worker.status()).toEqual({ state: 'stopped', reason: null, partitions: [] })
  })

  it('because the client cannot recover is reported as lost, once', async () => {
    const { source, worker, factsOf: reported } = await runningFixture()
    source.lose(new Error('five crashes in a row'))
    expect(await worker.lost).toHaveProperty('message', 'five crashes in a row')
    expect(worker.status()).toMatchObject({ state: 'lost', reason: 'five crashes in a row' })
    expect(reported('group-stopped')).toHaveLength(1)
  })
})

describe('backpressure', () => {
  it('pauses the source while the backlog is too large', async () => {
    let pressed: PauseReason | null = { reason: 'intents-due' }
    const { source, clock, factsOf: reported } = await runningFixture({ pressure: async () => pressed })
    await soon(() => expect(clock.sleeping).toEqual([1_000]))
    clock.advance(1_000)
    await soon(() => expect(source.calls).toEqual(['start', 'pause']))
    expect(reported('paused')).toMatchObject([{ reason: 'intents-due' }])
    pressed = null
    await soon(() => expect(clock.sleeping).toEqual([1_000]))
    clock.advance(1_000)
    await soon(() => expect(source.calls).toEqual(['start', 'pause', 'resume']))
  })

  it('is measured within a second of a batch, and not while nothing is read', async () => {
    let measured = 0
    const pressure = async () => {
      measured += 1
      return null
    }
    const { source, clock } = await runningFixture({ pressure })
    const passSecond = async () => {
      await soon(() => expect(clock.sleeping).toEqual([1_000]))
      clock.advance(1_000)
      await soon(() => expect(clock.sleeping).toEqual([1_000]))
    }
    await passSecond()
    await passSecond()
    expect(measured).toBe(1)
    await source.batch(0, [others(0)], 1)
    clock.advance(1_000)
    await soon(() => expect(measured).toBe(2))
  })
})
