import type { Clock } from '../../src/std/clock.ts'

/** A clock that stands still until the test moves it: who sleeps is woken by {@link ManualClock.advance}, or by its own signal. */
export interface ManualClock extends Clock {
  /** Requested milliseconds of each current sleeper. */
  readonly sleeping: readonly number[]
  /** Lets `ms` go by, and wakes those whose time has come. */
  advance(ms: number): void
}

export function createManualClock(startMs = Date.UTC(2030, 0, 1)): ManualClock {
  const sleepers = new Set<{ ms: number; until: number; wake: () => void }>()
  let now = startMs
  return {
    get sleeping() {
      return [...sleepers].map(({ ms }) => ms)
    },
    now: () => now,
    monotonic: () => now - startMs,
    advance(ms) {
      now += ms
      for (const sleeper of sleepers) if (sleeper.until <= now) sleeper.wake()
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) {
          resolve()
          return
        }
        const sleeper = {
          ms,
          until: now + ms,
          wake: () => {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          },
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      }),
  }
}
