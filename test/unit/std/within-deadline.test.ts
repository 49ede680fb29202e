import { expect, it } from 'vitest'
import { answerWithin } from '../../../src/std/within-deadline.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const LATE = 'no answer within 8 s'

it('an answer in time is the result, and nothing waits for the deadline any more', async () => {
  const clock = createManualClock()
  expect(await answerWithin(8_000, Promise.resolve('token'), LATE, clock)).toBe('token')
  await expect(answerWithin(8_000, Promise.reject(new Error('no role')), LATE, clock)).rejects.toThrow('no role')
  expect(clock.sleeping).toEqual([])
})

it('an answer that takes longer is an error that says so, and its own failure is nobody’s', async () => {
  const clock = createManualClock()
  const answer = Promise.withResolvers<string>()
  const result = answerWithin(8_000, answer.promise, LATE, clock)
  clock.advance(8_000)
  await expect(result).rejects.toThrow(LATE)
  answer.reject(new Error('too late'))
})
