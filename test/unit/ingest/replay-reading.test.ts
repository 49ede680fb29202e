import { expect, it } from 'vitest'
import { readReplay, type RangeReader, type ReplayReading } from '../../../src/ingest/replay-reading.ts'
import type { LogRecord, PartitionBatch } from '../../../src/ingest/record-source.ts'
import type { Consumer } from '../../../src/model/consumer.ts'
import type { ReplayFilter } from '../../../src/model/replay.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { recordOf, recordOfEvent } from '../../support/log-records.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'
import { sampleEvent, uuid } from '../../support/sample-event.ts'

const consumer: Consumer = {
  name: 'test-workers',
  types: ['user.*'],
  accept: (event) => [{ kind: 'mail', version: 1, channel: 'email', key: event.id, campaignId: event.campaign_id, data: {} }],
  kinds: [],
}
const everything: ReplayFilter = { types: [], campaigns: [], users: [], events: [] }
/** A window that begins after all of the records. */
const afterAll = () => Date.UTC(2031, 0, 1)
const never = new AbortController().signal

/** A log of one partition, fetched as one batch, and one record beyond what was requested. */
function logOf(records: readonly LogRecord[]): RangeReader {
  return async ({ topic, ranges }, onBatch, signal) => {
    for (const [partition, { from }] of ranges) {
      const assignment = { epoch: 1, topic, partitions: [partition], signal }
      const end = (records.at(-1)?.offset ?? 0n) + 1n
      const batch: PartitionBatch = { topic, partition, records, nextOffset: end, highWatermark: end, assignment }
      await onBatch({ ...batch, records: records.filter(({ offset }) => offset >= from) })
    }
  }
}

function reading(store: MemoryAcceptStore, records: readonly LogRecord[], change: Partial<ReplayReading> = {}): ReplayReading {
  return {
    group: 'test-workers',
    topic: 'domain-events',
    consumer,
    filter: everything,
    ranges: [{ partition: 0, from: 0n, to: BigInt(records.length), next: 0n }],
    allowOlder: false,
    reader: { maxEventBytes: 100_000, chunkEvents: 2, chunkBytes: 100_000, dedupeHorizon: () => 0 },
    store,
    pace: () => Promise.resolve(),
    read: logOf(records),
    clock: createAutoAdvancingClock(),
    ...change,
  }
}

function storeAt(next: bigint): MemoryAcceptStore {
  const store = new MemoryAcceptStore()
  store.put(0, next)
  return store
}

const signUps = [1, 2, 3, 4, 5].map((n) => sampleEvent('user.signed_up', n))
const records = signUps.map((event, offset) => recordOfEvent(offset, event))
const accepted = (store: MemoryAcceptStore) => store.tried.flatMap((chunk) => chunk.events.map(({ offset }) => Number(offset)))

it('a replay reads from the cursor to the end of its range, and its intents have the class of replays', async () => {
  const store = storeAt(1n)
  const ranges = [{ partition: 0, from: 0n, to: 4n, next: 1n }]
  expect(await readReplay(reading(store, records, { ranges }), never)).toBe('read')
  expect(accepted(store)).toEqual([1, 2, 3])
  expect(store.rows.get(0)?.next).toBe(4n)
  expect([...store.intents.values()].map((draft) => draft.class)).toEqual(['replay', 'replay', 'replay'])
})

it('a replay moves its cursor over records that it does not select', async () => {
  const store = storeAt(0n)
  const filter = { ...everything, users: [uuid('a', 2)] }
  expect(await readReplay(reading(store, records, { filter }), never)).toBe('read')
  expect(accepted(store)).toEqual([1])
  expect(store.rows.get(0)?.next).toBe(5n)
})

it.each([
  [{ types: ['user.verified'] }, [5]],
  [{ events: [signUps[2]?.id ?? ''] }, [2]],
  [{ campaigns: [uuid('c', 9)] }, []],
] as const)('a replay selects events by %o', async (wanted, offsets) => {
  const store = storeAt(0n)
  const mixed = [...records, recordOfEvent(5, sampleEvent('user.verified', 1)), recordOfEvent(6, sampleEvent('reward.earned', 1))]
  await readReplay(reading(store, mixed, { filter: { ...everything, ...wanted } }), never)
  expect(accepted(store)).toEqual(offsets)
})

it('a record that cannot be decoded counts as failed, unless the replay is about people', async () => {
  const broken = [recordOf(0, '{', { 'event-type': 'user.signed_up' })]
  const failed = async (filter: ReplayFilter) => {
    const store = storeAt(0n)
    await readReplay(reading(store, broken, { filter }), never)
    return store.tried.flatMap((chunk) => chunk.passed.map(({ reason }) => reason))
  }
  expect(await failed(everything)).toEqual(['not-json'])
  expect(await failed({ ...everything, users: [uuid('a', 1)] })).toEqual([])
})

it('records older than the dedupe window fail, unless older ones are allowed', async () => {
  const reader = { maxEventBytes: 100_000, chunkEvents: 10, chunkBytes: 100_000, dedupeHorizon: afterAll }
  const strict = storeAt(0n)
  await readReplay(reading(strict, records, { reader }), never)
  expect(accepted(strict)).toEqual([])
  const lenient = storeAt(0n)
  await readReplay(reading(lenient, records, { reader, allowOlder: true }), never)
  expect(accepted(lenient)).toEqual([0, 1, 2, 3, 4])
})

it('a replay whose job is lost stops, and one that is aborted ends without a further chunk', async () => {
  const store = storeAt(0n)
  store.rows.clear()
  expect(await readReplay(reading(store, records), never)).toBe('lost')
  expect(store.tried).toHaveLength(1)
  const aborted = storeAt(0n)
  expect(await readReplay(reading(aborted, records), AbortSignal.abort())).toBe('ended')
  expect(aborted.tried).toEqual([])
})
