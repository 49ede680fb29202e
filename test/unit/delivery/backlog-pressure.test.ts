import { describe, expect, it } from 'vitest'
import { agePressure, duePressure } from '../../../src/delivery/backlog-pressure.ts'
import { MemoryIntentStore } from '../../support/memory-intent-store.ts'

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
    const store = new MemoryIntentStore()
    store.dueCount = due
    expect(await duePressure(store, tenWorkers)(paused)).toEqual(answer === null ? null : { reason: answer })
  })

  it('counts no further than it must', async () => {
    const limits: number[] = []
    const pressure = duePressure({ countDue: async (_, limit) => (limits.push(limit), 0) }, tenWorkers)
    await pressure(false)
    await pressure(true)
    expect(limits).toEqual([1_001, 501])
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
