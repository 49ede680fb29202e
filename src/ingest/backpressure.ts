import type { PauseReason, Pressure } from '../model/pressure.ts'
import type { Clock } from '../std/clock.ts'
import type { FetchGate } from './fetch-gate.ts'

/**
 * Polls the backpressure of one group and pauses or resumes its fetching. When it cannot be measured (database down) nothing changes:
 * accepting fails then anyway.
 */
export async function watchPressure(watch: {
  readonly pressure: Pressure
  readonly fetchGate: FetchGate
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly intervalMs: number
}): Promise<void> {
  const { fetchGate, signal } = watch
  let pausedFor: string | null = null
  for (;;) {
    await watch.clock.sleep(watch.intervalMs, signal)
    if (signal.aborted) return
    let pressed: PauseReason | null
    try {
      pressed = await watch.pressure(pausedFor !== null)
    } catch {
      // The next poll is the retry.
      continue
    }
    const reason = pressed?.reason ?? null
    if (reason === pausedFor) continue
    // The new reason first, so that nothing is fetched between the two.
    if (pressed !== null) fetchGate.pause(pressed.reason, pressed.detail)
    if (pausedFor !== null) fetchGate.resume(pausedFor)
    pausedFor = reason
  }
}
