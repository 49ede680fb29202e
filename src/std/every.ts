import type { Clock } from './clock.ts'

/**
 * Does `work` again and again, `ms` after each end (asked anew each time when it is a function), until `signal` aborts; resolves
 * when the last run has ended. What it throws goes to `failed`, and the next turn is the retry.
 */
export async function every(
  ms: number | (() => number),
  work: () => Promise<void>,
  on: { readonly clock: Clock; readonly signal: AbortSignal; failed(error: unknown): void },
): Promise<void> {
  while (!on.signal.aborted) {
    try {
      await work()
    } catch (error) {
      on.failed(error)
    }
    await on.clock.sleep(typeof ms === 'number' ? ms : ms(), on.signal)
  }
}
