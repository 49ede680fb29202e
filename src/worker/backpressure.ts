import type { Clock } from '../std/clock.ts'
import type { Brake } from './brake.ts'

/** Whether a group may go on fetching: null, or why not. `paused` lets it resume at a lower mark than it stops at. */
export type Pressure = (paused: boolean) => Promise<string | null>

/**
 * Looks once a second, and holds or releases the fetching of one group. What cannot be measured (database away) leaves things
 * as they are: the accept path notices that by itself.
 */
export async function watchPressure(watch: {
  readonly pressure: Pressure
  readonly brake: Brake
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly intervalMs: number
}): Promise<void> {
  const { brake, signal } = watch
  let heldFor: string | null = null
  for (;;) {
    await watch.clock.sleep(watch.intervalMs, signal)
    if (signal.aborted) return
    let reason: string | null
    try {
      reason = await watch.pressure(heldFor !== null)
    } catch {
      // The next look, in a second, is the retry.
      continue
    }
    if (reason === heldFor) continue
    // The new one first: between two reasons nothing is fetched.
    if (reason !== null) brake.hold(reason)
    if (heldFor !== null) brake.release(heldFor)
    heldFor = reason
  }
}
