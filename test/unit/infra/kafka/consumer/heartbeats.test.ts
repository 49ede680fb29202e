import { expect, test } from 'vitest'
import { withHeartbeats } from '../../../../../src/infra/kafka/consumer/heartbeats.ts'
import type { Clock } from '../../../../../src/std/clock.ts'

/** A clock on which every sleep takes its time at once, until it is aborted. */
function quickClock(): Clock {
  let now = 0
  return {
    now: () => 0,
    monotonic: () => now,
    sleep: async (ms, signal) => {
      await new Promise(setImmediate)
      if (!signal?.aborted) now += ms
    },
  }
}

test('heartbeats are sent at half the interval while the work runs, and stop with it', async () => {
  const clock = quickClock()
  const beats: number[] = []
  const done = Promise.withResolvers<string>()
  const beat = () => {
    beats.push(clock.monotonic())
    if (beats.length === 3) done.resolve('result')
    return Promise.resolve()
  }
  expect(await withHeartbeats(() => done.promise, { heartbeat: beat, intervalMs: 2_000, clock, onFailed: () => undefined })).toBe('result')
  expect(beats).toEqual([1_000, 2_000, 3_000])
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  expect(beats).toHaveLength(3)
})

test('heartbeats continue after a failure, which is reported with the time since the last successful one', async () => {
  const clock = quickClock()
  const done = Promise.withResolvers<void>()
  const reported: [string, number][] = []
  let beats = 0
  const beat = () => {
    beats += 1
    if (beats === 4) done.resolve()
    return beats === 1 || beats === 4 ? Promise.resolve() : Promise.reject(new Error(`beat ${beats}`))
  }
  const failed = (error: unknown, silentMs: number) => reported.push([String(error), silentMs])
  await withHeartbeats(() => done.promise, { heartbeat: beat, intervalMs: 2_000, clock, onFailed: failed })
  expect(reported).toEqual([
    ['Error: beat 2', 1_000],
    ['Error: beat 3', 2_000],
  ])
})

test('the error of the work is thrown', async () => {
  const clock = quickClock()
  const options = { heartbeat: () => Promise.resolve(), intervalMs: 2_000, clock, onFailed: () => undefined }
  await expect(withHeartbeats(() => Promise.reject(new Error('work')), options)).rejects.toThrow('work')
})
