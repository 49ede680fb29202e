import { expect, it } from 'vitest'
import { every } from '../../../src/std/every.ts'
import { createJumpingClock } from '../../support/jumping-clock.ts'

it('does the work again and again until it is told to end, and the last run ends first', async () => {
  const ending = new AbortController()
  const clock = createJumpingClock()
  const failures: unknown[] = []
  let runs = 0
  await every(
    50,
    async () => {
      runs += 1
      if (runs === 2) throw new Error('once')
      if (runs === 4) ending.abort()
    },
    { clock, signal: ending.signal, failed: (error) => failures.push(error) },
  )
  expect(runs).toBe(4)
  expect(clock.slept).toEqual([50, 50, 50])
  expect(failures).toMatchObject([{ message: 'once' }])
})

it('does nothing when it is to end before it begins', async () => {
  const signal = AbortSignal.abort()
  await every(50, () => expect.unreachable(), { clock: createJumpingClock(), signal, failed: () => expect.unreachable() })
  expect(signal.aborted).toBe(true)
})
