import { expect, it, vi } from 'vitest'
import type { ReplayJob, ReplayJobs } from '../../../src/ingest/replay-job.ts'
import { createReplayRunner } from '../../../src/ingest/replay-runner.ts'
import type { Fact } from '../../../src/model/fact.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'

const group = 'test-workers'
const job: ReplayJob = {
  id: '1',
  group,
  topic: 'domain-events',
  topicId: null,
  filter: { types: [], campaigns: [], users: [], events: [] },
  allowOlder: false,
  eventRate: 100,
  sendRate: 100,
  cap: 5,
  ranges: [{ partition: 0, from: 0n, to: 5n, next: 0n }],
  claim: { id: '1', owner: 'this process', claims: 1 },
}

/** A runner whose job is read until it is stopped, and what it asks of the jobs. */
function runnerOf(isPaused: (group: string) => boolean, high: () => bigint = () => 5n) {
  const calls: string[] = []
  /** `readsOn`: a range is read until it is stopped; otherwise it has no records, and reading ends at once. */
  const database = { isRead: false, readsOn: true, failover: () => {} }
  const store = new MemoryAcceptStore()
  const setCursor = (next: bigint) => store.rows.set(0, { partition: 0, next, exemptBelow: 0n })
  setCursor(0n)
  let to = 5n
  const facts: Fact[] = []
  const jobs: ReplayJobs = {
    claim: async (groups) => {
      calls.push(`claim of ${groups.join(' ')}`)
      return groups.includes(group) ? job : null
    },
    turn: async () => {
      calls.push('turn')
      return { is: 'turned', released: 1, left: true, isRead: database.isRead }
    },
    ranges: async () => {
      database.failover()
      return [{ partition: 0, from: 0n, to, next: store.rows.get(0)?.next ?? 0n }]
    },
    lost: async (_claim, losses) => {
      calls.push(`lost ${losses.map(({ from, to: end }) => `${from}-${end}`).join()}`)
      to = losses[0]?.from ?? to
    },
    wasRead: async () => {
      calls.push('read')
      database.isRead = true
    },
    fail: async () => void calls.push('fail'),
    release: async () => void calls.push('release'),
  }
  const runner = createReplayRunner({
    groups: new Map(
      [group, 'other-workers'].map((id) => [
        id,
        {
          consumer: { name: id, types: ['user.*'], accept: () => [], kinds: [] },
          reader: { maxEventBytes: 100_000, chunkEvents: 2, chunkBytes: 100_000, dedupeHorizon: () => 0 },
        },
      ]),
    ),
    isPaused,
    jobs,
    storeOf: () => store,
    read: ({ ranges }, _onBatch, signal) => {
      calls.push(`reads from ${ranges.get(0)?.from}`)
      if (signal.aborted || !database.readsOn) return Promise.resolve()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
    admin: { ranges: () => Promise.resolve(new Map([[0, { low: 0n, high: high() }]])), topicId: () => Promise.resolve(null) },
    owner: 'this process',
    clock: createAutoAdvancingClock(),
    observe: (fact) => facts.push(fact),
  })
  return { runner, calls, facts, database, setCursor }
}

it('a paused group has no replay: its jobs are not claimed, and one at hand is given back without another release', async () => {
  let paused = false
  const { runner, calls, facts } = runnerOf((id) => paused && id === group)
  await runner.turn()
  await runner.turn()
  paused = true
  await runner.turn()
  expect(runner.isBusy()).toBe(false)
  await runner.turn()
  expect(calls).toEqual([`claim of ${group} other-workers`, 'turn', 'reads from 0', 'release', 'claim of other-workers'])
  expect(facts.flatMap((fact) => (fact.is === 'replay' ? [fact.what] : []))).toEqual(['claimed', 'lost'])
  paused = false
  await runner.turn()
  expect(runner.isBusy()).toBe(true)
  await runner.stop()
})

it('while all groups are paused, no replay is looked for', async () => {
  const { runner, calls } = runnerOf(() => true)
  await runner.turn()
  expect(calls).toEqual([])
})

it('a replay that waits for records which the log has lost gives them up, and is read to its end', async () => {
  let high = 5n
  const { runner, calls } = runnerOf(
    () => false,
    () => high,
  )
  await runner.turn()
  high = 0n
  await vi.waitFor(() => expect(calls).toContain('read'))
  expect(calls.slice(1)).toEqual(['reads from 0', 'lost 0-5', 'read'])
  await runner.stop()
})

it('a cursor that a failover has set back behind the last record is read on from there, before the replay counts as read', async () => {
  const { runner, calls, database, setCursor } = runnerOf(() => false)
  database.readsOn = false
  database.failover = () => {
    database.failover = () => {}
    setCursor(3n)
  }
  await runner.turn()
  await vi.waitFor(() => expect(calls).toContain('read'))
  expect(calls.slice(1)).toEqual(['reads from 0', 'reads from 3', 'read'])
  await runner.stop()
})

it('a replay of which a failover has lost that it was read is given back, to be continued at its cursors', async () => {
  const { runner, calls, facts, database } = runnerOf(() => false)
  database.readsOn = false
  await runner.turn()
  await vi.waitFor(() => expect(calls).toContain('read'))
  await runner.turn()
  expect(runner.isBusy()).toBe(true)
  database.isRead = false
  await runner.turn()
  expect(calls.slice(1)).toEqual(['reads from 0', 'read', 'turn', 'turn', 'release'])
  expect(facts.flatMap((fact) => (fact.is === 'replay' ? [fact.what] : []))).toEqual(['claimed', 'read', 'lost'])
  expect(runner.isBusy()).toBe(false)
})
