import { describe, expect, it } from 'vitest'
import { backlogPressure } from '../../../src/delivery/backlog-pressure.ts'
import type { TransactionChannel } from '../../../src/delivery/transaction-channel.ts'
import type { ChannelName } from '../../../src/model/messages.ts'
import { createDeliveryFixture } from './delivery-fixture.ts'

const { email, webhook } = createDeliveryFixture()
const coalesced: TransactionChannel<never> = {
  name: 'leaderboard',
  deadlineMs: 1_000,
  lateAfter: { ms: 60_000, reason: 'recalculations-late' },
  run: async () => ({ is: 'lost' }),
}

/** A store in which so many are due of each channel, the oldest for so long. */
function storeWith({ due = 0, oldestMs = null }: { due?: number; oldestMs?: number | null }) {
  const queries: (readonly [what: string, channels: readonly ChannelName[], limit?: number])[] = []
  return {
    queries,
    countDue: async (_: string, channels: readonly ChannelName[], limit: number) => {
      queries.push(['number', channels, limit])
      return Math.min(limit, due)
    },
    oldestDueMs: async (_: string, channel: ChannelName) => {
      queries.push(['age', [channel]])
      return oldestMs
    },
  }
}

const tenWorkers = { group: 'g', poolSize: 10 }

describe('a group with too much to do', () => {
  it.each([
    [1_000, false, null],
    [1_001, false, 'intents-due'],
    [1_001, true, 'intents-due'],
    [501, true, 'intents-due'],
    [500, true, null],
    [0, true, null],
  ])('of ten workers and %i due intents (paused: %s): %s', async (due, paused, answer) => {
    const pressure = backlogPressure(storeWith({ due }), { ...tenWorkers, channels: [email] })
    expect(await pressure(paused)).toEqual(answer === null ? null : { reason: answer })
  })

  it('counts no further than it must', async () => {
    const store = storeWith({})
    const pressure = backlogPressure(store, { ...tenWorkers, channels: [email, webhook] })
    await pressure(false)
    await pressure(true)
    expect(store.queries).toEqual([
      ['number', ['email', 'webhook'], 1_001],
      ['number', ['email', 'webhook'], 501],
    ])
  })
})

describe('a group whose intents coalesce', () => {
  it.each([
    [null, false, null],
    [60_000, false, null],
    [60_001, false, 'recalculations-late'],
    [30_001, true, 'recalculations-late'],
    [30_000, true, null],
  ])('and whose oldest is due for %s ms (paused: %s): %s', async (oldestMs, paused, answer) => {
    const store = storeWith({ due: 9_999, oldestMs })
    const pressure = backlogPressure(store, { ...tenWorkers, channels: [coalesced] })
    expect(await pressure(paused)).toEqual(answer === null ? null : { reason: answer })
    expect(store.queries).toEqual([['age', ['leaderboard']]])
  })

  it('and are of another channel too goes by both, each for its own', async () => {
    const channels = [coalesced, email]
    const many = storeWith({ due: 1_001, oldestMs: 0 })
    expect(await backlogPressure(many, { ...tenWorkers, channels })(false)).toEqual({ reason: 'intents-due' })
    expect(many.queries).toEqual([
      ['age', ['leaderboard']],
      ['number', ['email'], 1_001],
    ])
    const late = storeWith({ oldestMs: 60_001 })
    expect(await backlogPressure(late, { ...tenWorkers, channels })(false)).toEqual({ reason: 'recalculations-late' })
  })
})

it('a group without channels has no pressure', async () => {
  const store = storeWith({ due: 9_999, oldestMs: 9e9 })
  expect(await backlogPressure(store, { ...tenWorkers, channels: [] })(false)).toBeNull()
  expect(store.queries).toEqual([])
})
