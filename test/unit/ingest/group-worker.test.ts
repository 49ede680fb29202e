import { afterEach, describe, expect, it, vi } from 'vitest'
import type { PauseReason } from '../../../src/model/pressure.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { StartRefused } from '../../../src/ingest/start-offsets.ts'
import type { LogRecord } from '../../../src/ingest/record-source.ts'
import { recordOf, recordOfEvent } from '../../support/log-records.ts'
import { sampleEvent } from '../../support/sample-event.ts'
import { createWorkerFixture, type WorkerFixture } from './worker-fixture.ts'

const ours = (offset: number, n = offset): LogRecord => recordOfEvent(offset, sampleEvent('user.verified', n))
const others = (offset: number): LogRecord => recordOfEvent(offset, sampleEvent('user.signed_up', offset))
const soon = <Result>(look: () => Result) => vi.waitFor(look, { interval: 1, timeout: 5_000 })

const fixtures: WorkerFixture[] = []
afterEach(async () => {
  await Promise.all(fixtures.splice(0).map(({ worker }) => worker.stop()))
})

/** A worker that the test's end stops. */
function fixtureOf(...change: Parameters<typeof createWorkerFixture>): WorkerFixture {
  const fixture = createWorkerFixture(...change)
  fixtures.push(fixture)
  return fixture
}

/** A log that holds records, for positions that are read more than once. */
const filled = { ranges: { 0: { low: 0n, high: 9n }, 1: { low: 0n, high: 9n } }, startFrom: 'earliest' } as const

/** The same, started and with both partitions assigned. */
async function runningFixture(...change: Parameters<typeof createWorkerFixture>): Promise<WorkerFixture> {
  const fixture = fixtureOf(...change)
  await fixture.worker.start()
  await fixture.source.join(0, 1)
  return fixture
}

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
    const { worker, source, store, clock, factsOf: told } = fixtureOf()
    await worker.start()
    store.away = new Error('database away')
    const joining = source.join(0, 1)
    await soon(() => expect(worker.status()).toMatchObject({ state: 'waiting', reason: 'start offsets: database away' }))
    store.away = null
    clock.advance(5_000)
    expect(await joining).toEqual({ 0: 0n, 1: 0n })
    expect(worker.status().state).toBe('running')
    expect(told('waiting')).toHaveLength(1)
  })

  it('stops only the group that may not continue, with a reason', async () => {
    const { worker, source, store, factsOf: told } = fixtureOf()
    await worker.start()
    store.put(0, 99n)
    await expect(source.join(0)).rejects.toThrow(StartRefused)
    expect(worker.status()).toMatchObject({ state: 'refused', reason: expect.stringContaining('is at offset 99') })
    await soon(() => expect(source.calls).toContain('stop'))
    expect(told('group-stopped')).toHaveLength(1)
    await worker.stop()
    expect(worker.status().state).toBe('refused')
  })
})

describe('a batch', () => {
  it('is accepted chunk by chunk, and its gaps are passed', async () => {
    const { source, store, factsOf: told, worker } = await runningFixture()
    expect(await source.batch(0, [ours(0), others(1), ours(2), recordOf(3, '{'), ours(5)], 9)).toBe(9n)
    expect(store.tried.map(({ expected, next }) => [expected, next])).toEqual([
      [0n, 3n],
      [3n, 9n],
    ])
    expect(store.rows.get(0)?.next).toBe(9n)
    expect(store.intents.size).toBe(3)
    expect(told('accepted').map(({ next, intents }) => [next, intents])).toEqual([
      [3n, 2],
      [9n, 1],
    ])
    expect(told('fetched')).toMatchObject([{ partition: 0, records: 5, nextOffset: 9n }])
    expect(told('dead-lettered')).toMatchObject([{ offset: 3n, reason: 'not-json' }])
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
    const { source, store, clock, worker, factsOf: told } = await runningFixture()
    store.refuses = () => new SqlError('away', {})
    const handling = source.batch(0, [ours(0)], 1)
    await soon(() => expect(worker.status()).toMatchObject({ state: 'waiting', reason: 'database: SQLSTATE none', partitions: [0, 1] }))
    store.refuses = () => null
    await soon(() => expect(clock.sleeping.length).toBeGreaterThan(1))
    clock.advance(5_000)
    expect(await handling).toBe(1n)
    expect(worker.status()).toEqual({ state: 'running', reason: null, partitions: [0, 1] })
    expect(told('resumed')).toHaveLength(1)
  })
})

describe('skipped records', () => {
  it('move the next offset at once and the row later; only the row is committed', async () => {
    const { source, store, worker, factsOf: told } = await runningFixture()
    expect(await source.batch(0, [others(0), others(1)], 2)).toBe(2n)
    expect(store.rows.get(0)?.next).toBe(0n)
    expect(told('accepted')).toMatchObject([{ next: 2n, intents: 0, durationMs: 0 }])
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
    const { source, store, factsOf: told } = await runningFixture({ reportEveryMs: 1 })
    store.away = new Error('database away')
    await source.batch(0, [others(0)], 1)
    await soon(() => expect(told('commit-failed')[0]?.cause).toBe('progress of skipped records: database away'))
    store.away = null
    await soon(() => expect(store.rows.get(0)?.next).toBe(1n))
  })
})

describe('a progress row that has moved', () => {
  it('forward was moved by another owner: the chunk is dropped and the partition continues there', async () => {
    const { source, store, factsOf: told } = await runningFixture()
    store.put(0, 7n)
    expect(await source.batch(0, [ours(0), ours(1), ours(2)], 3)).toBe(7n)
    expect(store.outcomes.size).toBe(0)
    expect(told('row-moved')).toMatchObject([{ expected: 0n, row: 7n, meaning: 'another-owner' }])
    expect(await source.batch(0, [ours(7)], 8)).toBe(8n)
    expect(store.outcomes.size).toBe(1)
  })

  it('back means that the database lost data: the assignment restarts, and lost events are accepted again, marked', async () => {
    const { source, store, factsOf: told } = await runningFixture(filled)
    await source.batch(0, [ours(0), ours(1), ours(2)], 3)
    await source.batch(1, [ours(0, 10)], 1)
    store.put(0, 1n)
    store.put(1, 0n)
    store.outcomes.clear()
    await source.batch(0, [ours(3)], 4)
    await soon(() => expect(source.placed).toEqual([{ 0: 1n, 1: 0n }]))
    expect(told('row-moved')).toMatchObject([
      { partition: 0, expected: 3n, row: 1n, meaning: 'database-behind-kafka' },
      { partition: 1, expected: 1n, row: 0n, meaning: 'database-behind-kafka' },
    ])
    store.tried.length = 0
    expect(await source.batch(0, [ours(1), ours(2), ours(3)], 4)).toBe(4n)
    expect(store.outcomes.size).toBe(3)
    expect(store.tried.map(({ recoverBelow }) => recoverBelow)).toEqual([3n, 3n])
    expect(told('recovered')).toMatchObject([{ partition: 0, events: 2, next: 3n, below: 3n }])
  })

  it('back is detected without a record when progress is rechecked, and only then', async () => {
    const { source, store, factsOf: told, worker } = await runningFixture(filled)
    await source.batch(0, [ours(0), ours(1)], 2)
    await worker.recheckProgress()
    expect(source.calls).not.toContain('replace')
    store.put(0, 1n)
    await worker.recheckProgress()
    await soon(() => expect(source.placed).toEqual([{ 0: 1n, 1: 0n }]))
    expect(told('row-moved')).toMatchObject([{ partition: 0, expected: 2n, row: 1n }])
    // Known by now: placing it once more is no second alarm.
    await source.join(0, 1)
    expect(told('row-moved')).toHaveLength(1)
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
      factsOf: told,
      worker,
    } = fixtureOf({ committed, ranges: { 0: { low: 0n, high: 9n }, 1: { low: 0n, high: 9n } } })
    store.put(0, 3n)
    store.put(1, 3n)
    await worker.start()
    expect(await source.join(0, 1)).toEqual({ 0: 3n, 1: 3n })
    expect(told('row-moved')).toMatchObject([{ partition: 0, expected: 5n, row: 3n, meaning: 'database-behind-kafka' }])
    expect(told('offset-overruled')).toMatchObject([{ partition: 1, committed: 5n, row: 3n }])
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
    const { source, store, worker, factsOf: told } = await runningFixture(filled)
    store.rows.delete(0)
    await source.batch(0, [ours(0)], 1)
    await soon(() => expect(worker.status().state).toBe('refused'))
    expect(worker.status().reason).toMatch(/has read domain-events\/0 before, but its progress row is gone.*offsets reset/)
    expect(told('row-moved')).toMatchObject([{ row: null, meaning: 'database-behind-kafka' }])
    expect(told('group-stopped')).toHaveLength(1)
  })
})

describe('consumer code that fails with one fingerprint', () => {
  const rule = { limit: 5, withinMs: 60_000, probeEveryMs: 1_000 }
  const failingFixture = async () => {
    const broken = { is: true, tries: 0 }
    const consumer = {
      name: 'test-workers',
      types: ['user.verified'] as const,
      kinds: [],
      accept: () => {
        broken.tries++
        if (broken.is) throw new TypeError('person@example.com')
        return []
      },
    }
    return { ...(await runningFixture({ consumer, crashLoopRule: rule })), broken }
  }

  it('pauses its group after the fifth failure: later records are neither given up nor passed, in any partition', async () => {
    const { source, store, letters, factsOf: told, worker } = await failingFixture()
    const open = Promise.withResolvers<void>()
    store.gate = open.promise
    // Both partitions at once, so that chunks of one are under way while the other's fail.
    const both = [
      source.batch(
        0,
        [0, 1, 2, 3].map((n) => ours(n)),
        4,
      ),
      source.batch(
        1,
        [0, 1, 2, 3].map((n) => ours(n, n + 10)),
        4,
      ),
    ]
    open.resolve()
    const [first = 0n, second = 0n] = await Promise.all(both)
    expect(letters).toHaveLength(5)
    expect(first + second).toBe(5n)
    expect([store.rows.get(0)?.next, store.rows.get(1)?.next]).toEqual([first, second])
    expect(told('paused')).toMatchObject([{ reason: 'equal-failures', detail: expect.stringMatching(/TypeError at src.*fixed.*restart/) }])
    expect(source.calls).toEqual(['start', 'pause'])
    expect(worker.status()).toMatchObject({ state: 'waiting', reason: told('paused')[0]?.detail, partitions: [0, 1] })
    // A batch that was fetched before the pause is left where it is.
    expect(await source.batch(0, [ours(Number(first))], 9)).toBe(first)
    expect(letters).toHaveLength(5)
  })

  it('continues when a probe of the failed event succeeds, and not before', async () => {
    const { source, letters, factsOf: told, worker, clock, broken } = await failingFixture()
    await source.batch(
      0,
      [0, 1, 2, 3, 4].map((n) => ours(n)),
      5,
    )
    expect(letters).toHaveLength(5)
    const tries = broken.tries
    await soon(() => expect(clock.sleeping).toContain(1_000))
    clock.advance(1_000)
    await soon(() => expect(broken.tries).toBe(tries + 1))
    expect(worker.status().state).toBe('waiting')
    broken.is = false
    await soon(() => expect(clock.sleeping.filter((ms) => ms === 1_000).length).toBeGreaterThan(1))
    clock.advance(1_000)
    await soon(() => expect(told('unpaused')).toMatchObject([{ reason: 'equal-failures' }]))
    expect(source.calls.at(-1)).toBe('resume')
    expect(worker.status()).toEqual({ state: 'running', reason: null, partitions: [0, 1] })
    expect(await source.batch(0, [ours(5)], 6)).toBe(6n)
  })

  it('gives nothing up while nothing can be accepted', async () => {
    const { source, store, letters, clock } = await failingFixture()
    store.refuses = () => new SqlError('away', {})
    const handling = source.batch(0, [ours(0)], 1)
    await soon(() => expect(clock.sleeping.length).toBeGreaterThan(1))
    expect(letters).toEqual([])
    store.refuses = () => null
    clock.advance(5_000)
    expect(await handling).toBe(1n)
    expect(letters).toMatchObject([{ reason: 'consumer-error', attempts: 2 }])
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
    const { source, worker, factsOf: told } = await runningFixture()
    source.lose(new Error('five crashes in a row'))
    expect(await worker.lost).toHaveProperty('message', 'five crashes in a row')
    expect(worker.status()).toMatchObject({ state: 'lost', reason: 'five crashes in a row' })
    expect(told('group-stopped')).toHaveLength(1)
  })
})

describe('backpressure', () => {
  it('pauses the source while the backlog is too large', async () => {
    let pressed: PauseReason | null = { reason: 'intents-due' }
    const { source, clock, factsOf: told } = await runningFixture({ pressure: async () => pressed })
    await soon(() => expect(clock.sleeping).toEqual([1_000]))
    clock.advance(1_000)
    await soon(() => expect(source.calls).toEqual(['start', 'pause']))
    expect(told('paused')).toMatchObject([{ reason: 'intents-due' }])
    pressed = null
    await soon(() => expect(clock.sleeping).toEqual([1_000]))
    clock.advance(1_000)
    await soon(() => expect(source.calls).toEqual(['start', 'pause', 'resume']))
  })
})
