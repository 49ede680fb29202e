import { expect, it } from 'vitest'
import { every } from '../../../src/daemon/periodic-tasks.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'

it('runs the work repeatedly until its signal aborts, and waits for the last run', async () => {
  const ending = new AbortController()
  const clock = createAutoAdvancingClock()
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

it('does nothing when its signal has aborted before', async () => {
  const signal = AbortSignal.abort()
  await every(50, () => expect.unreachable(), { clock: createAutoAdvancingClock(), signal, failed: () => expect.unreachable() })
  expect(signal.aborted).toBe(true)
})
