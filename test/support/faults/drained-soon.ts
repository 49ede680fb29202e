import { setTimeout as pause } from 'node:timers/promises'
import type { FaultScene } from './fault-scene.ts'

const EVERY_MS = 2_000

/** Waits until everything is done, while time passes for whatever waits for a retry of minutes or hours. */
export async function drainedSoon(scene: Pick<FaultScene, 'drained' | 'hurry'>, deadlineMs?: number): Promise<void> {
  const done = new AbortController()
  const hurrying = hurryUntil(done.signal)
  try {
    await scene.drained(deadlineMs)
  } finally {
    done.abort()
    await hurrying
  }

  async function hurryUntil(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await scene.hurry()
      await pause(EVERY_MS, undefined, { signal: over }).catch(() => undefined)
    }
  }
}
