import { describe, expect, it } from 'vitest'
import { agePressure, duePressure } from '../../../src/delivery/pressure.ts'
import { MemoryIntentStore } from '../../support/memory-intent-store.ts'
import { createJumpingClock } from '../../support/jumping-clock.ts'

const tenWorkers = { group: 'g', poolSize: 10, clock: createJumpingClock() }

describe('a group with too much to do', () => {
  it.each([
    [1_000, false, null],
    [1_001, false, 'intents-due'],
    [1_001, true, 'intents-due'],
    [501, true, 'intents-due'],
    [500, true, null],
    [0, true, null],
  ])('of ten workers and %i due intents (paused: %s): %s', async (due, paused, answer) => {
    const store = new MemoryIntentStore()
    store.dueCount = due
    expect(await duePressure(store, tenWorkers)(paused)).toEqual(answer === null ? null : { reason: answer })
  })

  it('counts no further than it must', async () => {
    const limits: number[] = []
    const pressure = duePressure({ countDue: async (_, limit) => (limits.push(limit), 0), backlogged: async () => null }, tenWorkers)
    await pressure(false)
    await pressure(true)
    expect(limits).toEqual([1_001, 501])
  })

  it('or too much parked for one destination stops and names that, and goes on at half', async () => {
    const store = new MemoryIntentStore()
    const clock = createJumpingClock()
    const pressure = duePressure(store, { ...tenWorkers, clock })
    const after = async (parked: number, paused: boolean) => {
      store.parkedCount = parked
      await clock.sleep(5_000)
      return pressure(paused)
    }
    expect(await after(10_000, false)).toBeNull()
    expect(await after(10_001, false)).toEqual({ reason: 'destination-backlog', detail: 'endpoint endpoint-1' })
    expect(await after(5_001, true)).toMatchObject({ reason: 'destination-backlog' })
    expect(await after(5_000, true)).toBeNull()
    expect(await after(5_001, false)).toBeNull()
  })

  it('counts what is parked every five seconds only', async () => {
    let counted = 0
    const clock = createJumpingClock()
    const pressure = duePressure({ countDue: async () => 0, backlogged: async () => (counted++, null) }, { ...tenWorkers, clock })
    for (let second = 0; second < 10; second++) {
      await pressure(false)
      await clock.sleep(1_000)
    }
    expect(counted).toBe(2)
  })
})

describe('a group of recalculations', () => {
  it.each([
    [null, false, null],
    [60_000, false, null],
    [60_001, false, 'recalculations-late'],
    [30_001, true, 'recalculations-late'],
    [30_000, true, null],
  ])('whose oldest is due for %s ms (paused: %s): %s', async (age, paused, answer) => {
    const store = new MemoryIntentStore()
    store.oldestMs = age
    expect(await agePressure(store, 'g', 60_000)(paused)).toEqual(answer === null ? null : { reason: answer })
  })
})
