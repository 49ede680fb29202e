import type { PauseReason, Pressure } from '../model/pressure.ts'
import type { Clock } from '../std/clock.ts'
import type { Brake } from './fetch-gate.ts'

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
    let pressed: PauseReason | null
    try {
      pressed = await watch.pressure(heldFor !== null)
    } catch {
      // The next look, in a second, is the retry.
      continue
    }
    const reason = pressed?.reason ?? null
    if (reason === heldFor) continue
    // The new one first: between two reasons nothing is fetched.
    if (pressed !== null) brake.hold(pressed.reason, pressed.detail)
    if (heldFor !== null) brake.release(heldFor)
    heldFor = reason
  }
}
