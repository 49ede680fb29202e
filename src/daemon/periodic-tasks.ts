import type { Clock } from '../std/clock.ts'
import { every } from '../std/every.ts'
import type { Turns } from './watchdog.ts'

/** What the process does again and again beside the path, each with its stop and its pulse. */
export interface Tasks {
  /**
   * @param everyMs the longest pause between two turns
   * @param workMs the longest that `work` may take by its own deadlines
   * @param pause in place of `everyMs`, asked each time, and never longer
   */
  keep(task: string, everyMs: number, workMs: number, work: () => Promise<void>, pause?: () => number): void
  /** How often each has come round. */
  turns(): readonly Turns[]
  /** Resolves when the last turns have ended, after `signal` has aborted. */
  ended(): Promise<void>
}

export function createTasks(of: {
  readonly clock: Clock
  readonly signal: AbortSignal
  failed(task: string, error: unknown): void
}): Tasks {
  const running: Promise<void>[] = []
  const turns = new Map<string, Turns>()
  return {
    keep(task, everyMs, workMs, work, pause) {
      const withinMs = everyMs + workMs
      turns.set(task, { task, turns: 0, withinMs })
      const turn = async () => {
        try {
          await work()
        } finally {
          turns.set(task, { task, turns: (turns.get(task)?.turns ?? 0) + 1, withinMs })
        }
      }
      running.push(every(pause ?? everyMs, turn, { clock: of.clock, signal: of.signal, failed: (error) => of.failed(task, error) }))
    },
    turns: () => [...turns.values()],
    ended: async () => {
      await Promise.all(running)
    },
  }
}
