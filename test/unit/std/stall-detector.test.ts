import { expect, it } from 'vitest'
import { createStallDetector, type WatchedTask } from '../../../src/std/stall-detector.ts'

const batch: WatchedTask = { what: 'batch of partition 3', group: 'email-workers', marker: 1, allowedMs: 10_000, suppressedBy: null }

/** A detector with 5 s of grace, checked once a second by a controlled clock. */
function watchOf() {
  let now = 1_000_000
  let passed = 0
  const detector = createStallDetector({ clock: { now: () => now, monotonic: () => passed }, graceMs: 5_000 })
  return {
    /** Checks once a second for so long; returns the stalls of the last check. */
    watchFor: (seconds: number, ...tasks: readonly WatchedTask[]) => {
      let stalls = detector.check(tasks)
      for (let second = 0; second < seconds; second++) {
        now += 1_000
        passed += 1_000
        stalls = detector.check(tasks)
      }
      return stalls.map(({ what, group, since, stillMs, allowedMs }) => ({ what, group, sinceMs: now - since, stillMs, allowedMs }))
    },
    jump: (wallMs: number, passedMs: number) => {
      now += wallMs
      passed += passedMs
    },
  }
}

const { what, group } = batch
const stalled = (ms: number) => [{ what, group, sinceMs: ms, stillMs: ms, allowedMs: 15_000 }]

it('reports a task without progress for longer than its deadlines plus the grace period', () => {
  const { watchFor } = watchOf()
  expect(watchFor(15, batch)).toEqual([])
  expect(watchFor(1, batch)).toEqual(stalled(16_000))
  expect(watchFor(60, batch)).toEqual(stalled(76_000))
})

it('starts over with each change of the progress marker', () => {
  const { watchFor } = watchOf()
  for (let marker = 0; marker < 5; marker++) expect(watchFor(14, { ...batch, marker })).toEqual([])
  expect(watchFor(14, { ...batch, marker: '4 chunks' })).toEqual([])
})

it('reports nothing while suppressed, and allows the full time afterwards', () => {
  const { watchFor } = watchOf()
  expect(watchFor(600, { ...batch, suppressedBy: 'the database does not answer' })).toEqual([])
  expect(watchFor(15, batch)).toEqual([])
  expect(watchFor(1, batch)).toEqual(stalled(16_000))
  expect(watchFor(1, { ...batch, suppressedBy: 'paused' })).toEqual([])
})

it('forgets a task that has ended: the next of the same name starts over', () => {
  const { watchFor } = watchOf()
  expect(watchFor(14, batch)).toEqual([])
  expect(watchFor(1)).toEqual([])
  expect(watchFor(14, batch)).toEqual([])
})

it('distinguishes tasks of one name by their groups', () => {
  const { watchFor } = watchOf()
  const others = { ...batch, group: 'reward-workers' }
  for (let second = 0; second < 16; second++)
    expect(watchFor(1, batch, { ...others, marker: second + 2 })).toHaveLength(second < 15 ? 0 : 1)
  expect(watchFor(0, { ...others, group: null }, batch)).toEqual([expect.objectContaining({ group: 'email-workers' })])
})

it.each([
  ['a process frozen for an hour', 3_600_000, 3_600_000],
  ['a wall clock set back by an hour', -3_600_000, 0],
  ['a wall clock set forward by an hour', 3_600_000, 0],
])('does not report %s as a stall', (_, wallMs, passedMs) => {
  const { watchFor, jump } = watchOf()
  expect(watchFor(9, batch)).toEqual([])
  jump(wallMs, passedMs)
  // The hour counts as five seconds at most.
  expect(watchFor(0, batch)).toEqual([])
  expect(watchFor(7, batch)).toHaveLength(1)
})
