import type { Clock } from '../../src/std/clock.ts'

/** A clock whose sleeps are over at once: they are noted, and time has passed. */
export function createAutoAdvancingClock(startMs = Date.UTC(2030, 0, 1)): Clock & { readonly slept: readonly number[] } {
  const slept: number[] = []
  let now = startMs
  return {
    slept,
    now: () => now,
    monotonic: () => now - startMs,
    async sleep(ms, signal) {
      if (signal?.aborted === true) return
      slept.push(ms)
      now += ms
    },
  }
}
