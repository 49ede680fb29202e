import { expect, it } from 'vitest'
import { createStallWatch, type Sign } from '../../../src/std/stall-watch.ts'

const batch: Sign = { what: 'batch of partition 3', group: 'email-workers', stamp: 1, allowedMs: 10_000, excuse: null }

/** A watch with 5 s of grace, looked at once a second by a clock in the test's hand. */
function watchOf() {
  let now = 1_000_000
  let passed = 0
  const watch = createStallWatch({ clock: { now: () => now, monotonic: () => passed }, graceMs: 5_000 })
  return {
    /** Looks each second for so long, and gives what stands still at the end. */
    watchFor: (seconds: number, ...signs: readonly Sign[]) => {
      let stalls = watch.look(signs)
      for (let second = 0; second < seconds; second++) {
        now += 1_000
        passed += 1_000
        stalls = watch.look(signs)
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

it('names what has not moved for longer than its own deadlines and the grace together', () => {
  const { watchFor } = watchOf()
  expect(watchFor(15, batch)).toEqual([])
  expect(watchFor(1, batch)).toEqual(stalled(16_000))
  expect(watchFor(60, batch)).toEqual(stalled(76_000))
})

it('begins anew with each move', () => {
  const { watchFor } = watchOf()
  for (let stamp = 0; stamp < 5; stamp++) expect(watchFor(14, { ...batch, stamp })).toEqual([])
  expect(watchFor(14, { ...batch, stamp: '4 chunks' })).toEqual([])
})

it('takes an excuse for as long as it holds, and gives all the time there is behind it', () => {
  const { watchFor } = watchOf()
  expect(watchFor(600, { ...batch, excuse: 'the database does not answer' })).toEqual([])
  expect(watchFor(15, batch)).toEqual([])
  expect(watchFor(1, batch)).toEqual(stalled(16_000))
  expect(watchFor(1, { ...batch, excuse: 'paused' })).toEqual([])
})

it('forgets what has ended: the next of the same name begins anew', () => {
  const { watchFor } = watchOf()
  expect(watchFor(14, batch)).toEqual([])
  expect(watchFor(1)).toEqual([])
  expect(watchFor(14, batch)).toEqual([])
})

it('tells things of one name apart by their groups, and what moves from what does not', () => {
  const { watchFor } = watchOf()
  const others = { ...batch, group: 'reward-workers' }
  for (let second = 0; second < 16; second++) expect(watchFor(1, batch, { ...others, stamp: second + 2 })).toHaveLength(second < 15 ? 0 : 1)
  expect(watchFor(0, { ...others, group: null }, batch)).toEqual([expect.objectContaining({ group: 'email-workers' })])
})

it.each([
  ['a process that was frozen for an hour', 3_600_000, 3_600_000],
  ['a wall clock that was put an hour back', -3_600_000, 0],
  ['a wall clock that was put an hour forward', 3_600_000, 0],
])('does not take %s for a stall', (_, wallMs, passedMs) => {
  const { watchFor, jump } = watchOf()
  expect(watchFor(9, batch)).toEqual([])
  jump(wallMs, passedMs)
  // The hour counts as five seconds at most.
  expect(watchFor(0, batch)).toEqual([])
  expect(watchFor(7, batch)).toHaveLength(1)
})
