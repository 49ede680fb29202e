import { expect, it } from 'vitest'
import type { Fact } from '../../../src/model/fact.ts'
import type { RecordSource } from '../../../src/ingest/record-source.ts'
import { watchSource } from '../../../src/ingest/watched-source.ts'
import { MemorySource } from '../../support/memory-source.ts'

const group = 'email-workers'
const waiting: Fact = { is: 'waiting', group, partition: 1, cause: 'database: SQLSTATE none', retryInMs: 100, attempt: 1 }

/** A watched source whose batches end when the test says so. */
async function fixtureOf() {
  const source = new MemorySource()
  const watched = watchSource(
    () => source,
    () => 1_000,
  )
  const ends = new Map<number, PromiseWithResolvers<bigint>>()
  await watched.start({
    assigned: async () => new Map(),
    batch({ partition }) {
      const end = Promise.withResolvers<bigint>()
      ends.set(partition, end)
      return end.promise
    },
    report: () => undefined,
  })
  await source.join(0, 1)
  return {
    source,
    watched,
    ends,
    steps: () => watched.batchesInFlight().map(({ partition, steps: moves, waitsFor }) => [partition, moves, waitsFor]),
  }
}

it('lists each batch from its delivery to its end, also when it fails', async () => {
  const { source, watched, ends } = await fixtureOf()
  expect(watched.batchesInFlight()).toEqual([])
  const first = source.batch(0, [], 5)
  const second = source.batch(1, [], 7).catch((error: unknown) => String(error))
  expect(watched.batchesInFlight()).toMatchObject([
    { partition: 0, records: 0, since: 1_000 },
    { partition: 1, records: 0, since: 1_000 },
  ])
  ends.get(0)?.resolve(5n)
  expect(await first).toBe(5n)
  ends.get(1)?.reject(new Error('escaped'))
  expect(await second).toBe('Error: escaped')
  expect(watched.batchesInFlight()).toEqual([])
})

it('counts chunks and retries of a batch and keeps the reason it waits for, per partition', async () => {
  const { source, watched, ends, steps } = await fixtureOf()
  const batches = [source.batch(0, [], 5), source.batch(1, [], 7)]
  watched.onFact(waiting)
  expect(steps()).toEqual([[0, 0, null], [1, 1, 'database: SQLSTATE none']]) // prettier-ignore
  watched.onFact(waiting)
  watched.onFact({ is: 'resumed', group, partition: 1 })
  watched.onFact({ is: 'accepted', group, partition: 1, next: 7n, counts: new Map(), intents: 0, durationMs: 1 })
  watched.onFact({ is: 'committed', group, topic: 'domain-events', offsets: new Map([[0, 5n]]) })
  expect(steps()).toEqual([[0, 0, null], [1, 4, null]]) // prettier-ignore
  for (const end of ends.values()) end.resolve(7n)
  await Promise.all(batches)
})

it('tracks reading the start offsets like a batch', async () => {
  const source = new MemorySource()
  const watched = watchSource(
    () => source,
    () => 0,
  )
  const placed = Promise.withResolvers<ReadonlyMap<number, bigint>>()
  await watched.start({ assigned: () => placed.promise, batch: async () => 0n, report: () => undefined })
  const joining = source.join(0)
  watched.onFact({ ...waiting, partition: -1 })
  expect(watched.batchesInFlight()).toMatchObject([{ partition: -1, steps: 1, waitsFor: 'database: SQLSTATE none' }])
  placed.resolve(new Map([[0, 4n]]))
  expect(await joining).toEqual({ 0: 4n })
  expect(watched.batchesInFlight()).toEqual([])
})

it('fetches only while nothing pauses it and it is not quiet', async () => {
  const { source, watched } = await fixtureOf()
  const steps: [() => void, 'pause' | 'resume'][] = [
    [() => watched.quiet(true), 'pause'],
    [() => watched.pause(), 'pause'],
    [() => watched.quiet(false), 'pause'],
    [() => watched.resume(), 'resume'],
    [() => watched.pause(), 'pause'],
    [() => watched.quiet(true), 'pause'],
    [() => watched.resume(), 'pause'],
    [() => watched.quiet(false), 'resume'],
  ]
  for (const [step, last] of steps) {
    step()
    expect(source.calls.at(-1)).toBe(last)
    expect(watched.isFetchingPaused()).toBe(last === 'pause')
  }
})

it('passes everything else to the source', async () => {
  const { source, watched } = await fixtureOf()
  expect(watched.activity()).toBeNull()
  source.beats = 3
  expect(watched.activity()).toEqual({ fetches: 3, heartbeats: 3, withinMs: 1_000 })
  expect(await watched.commit(source.assignment, new Map([[0, 4n]]))).toBe(true)
  const plain: RecordSource = watched
  let flushed = false
  await plain.stop(async () => {
    flushed = true
  })
  expect(flushed).toBe(true)
  await watched.ended
})
