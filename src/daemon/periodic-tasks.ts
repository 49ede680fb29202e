import type { Clock } from '../std/clock.ts'
import type { TaskProgress } from './watchdog.ts'

/** The periodic tasks of the process, each with its progress marker. */
export interface Tasks {
  /**
   * @param everyMs the longest pause between two runs
   * @param workMs the longest that `work` may take, by its own deadlines
   * @param pause returns the pause before each run, never longer than `everyMs`; default: `everyMs`
   */
  schedule(task: string, everyMs: number, workMs: number, work: () => Promise<void>, pause?: () => number): void
  /** The progress markers of all tasks. */
  progress(): readonly TaskProgress[]
  /** Resolves when all runs have ended, after `signal` has aborted. */
  stopped(): Promise<void>
}

export function createTasks(of: {
  readonly clock: Clock
  readonly signal: AbortSignal
  onFailed(task: string, error: unknown): void
}): Tasks {
  const running: Promise<void>[] = []
  const progress = new Map<string, TaskProgress>()
  return {
    schedule(task, everyMs, workMs, work, pause) {
      const withinMs = everyMs + workMs
      progress.set(task, { task, runs: 0, withinMs })
      const run = async () => {
        try {
          await work()
        } finally {
          progress.set(task, { task, runs: (progress.get(task)?.runs ?? 0) + 1, withinMs })
        }
      }
      running.push(every(pause ?? everyMs, run, { clock: of.clock, signal: of.signal, failed: (error) => of.onFailed(task, error) }))
    },
    progress: () => [...progress.values()],
    stopped: async () => {
      await Promise.all(running)
    },
  }
}

/**
 * Runs `work` repeatedly, with a pause of `ms` after each run, until `signal` aborts; resolves when the last run has ended. Errors go to
 * `failed`, and the next run is the retry.
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
