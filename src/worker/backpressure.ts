import type { Clock } from '../std/clock.ts'
import type { Observe } from './fact.ts'

/** Whether a group may go on fetching: null, or why not. `paused` lets it resume at a lower mark than it stops at. */
export type Pressure = (paused: boolean) => Promise<string | null>

/**
 * Looks once a second, and pauses or resumes the fetching of one group. What cannot be measured (database away) leaves things
 * as they are: the accept path notices that by itself.
 */
export async function watchPressure(watch: {
  readonly group: string
  readonly pressure: Pressure
  readonly source: { pause(): void; resume(): void }
  readonly clock: Clock
  readonly observe: Observe
  readonly signal: AbortSignal
  readonly intervalMs: number
}): Promise<void> {
  const { group, source, observe, signal } = watch
  let pausedFor: string | null = null
  for (;;) {
    await watch.clock.sleep(watch.intervalMs, signal)
    if (signal.aborted) return
    let reason: string | null
    try {
      reason = await watch.pressure(pausedFor !== null)
    } catch {
      // The next look, in a second, is the retry.
      continue
    }
    if (reason !== null && pausedFor === null) {
      source.pause()
      observe({ is: 'paused', group, reason })
    } else if (reason === null && pausedFor !== null) {
      source.resume()
      observe({ is: 'unpaused', group })
    }
    pausedFor = reason
  }
}
