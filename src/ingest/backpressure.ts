import type { PauseReason, Pressure } from '../model/pressure.ts'
import type { Clock } from '../std/clock.ts'
import type { FetchGate } from './fetch-gate.ts'

/** A group that reads nothing is measured once in so many intervals: pausing it would hold nothing back. */
const QUIET_INTERVALS = 5

/**
 * Measures the backpressure of one group and pauses or resumes its fetching: in every interval while it is paused or has read something, so
 * that a backlog ends the reading within one interval of the first batch. When it cannot be measured (database down) nothing changes:
 * accepting fails then anyway.
 */
export async function watchPressure(watch: {
  readonly pressure: Pressure
  readonly fetchGate: FetchGate
  /** How many batches the group has read. */
  readonly batchesRead: () => number
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly intervalMs: number
}): Promise<void> {
  const { fetchGate, signal } = watch
  let pausedFor: string | null = null
  let measuredAt = { batchesRead: -1, interval: 0 }
  for (let interval = 1; ; interval++) {
    await watch.clock.sleep(watch.intervalMs, signal)
    if (signal.aborted) return
    const batchesRead = watch.batchesRead()
    const isQuiet = pausedFor === null && batchesRead === measuredAt.batchesRead
    if (isQuiet && interval - measuredAt.interval < QUIET_INTERVALS) continue
    let pressed: PauseReason | null
    try {
      pressed = await watch.pressure(pausedFor !== null)
    } catch {
      // The next interval is the retry.
      continue
    }
    measuredAt = { batchesRead, interval }
    const reason = pressed?.reason ?? null
    if (reason === pausedFor) continue
    // The new reason first, so that nothing is fetched between the two.
    if (pressed !== null) fetchGate.pause(pressed.reason, pressed.detail)
    if (pausedFor !== null) fetchGate.resume(pausedFor)
    pausedFor = reason
  }
}
