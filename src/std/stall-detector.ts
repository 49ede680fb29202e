import type { Clock } from './clock.ts'

/** A unit of work in progress that has to keep moving. */
export interface WatchedTask {
  /** A unique name that an operator understands: `batch of partition 3`. */
  readonly what: string
  /** The consumer group that it belongs to; null for the process itself. */
  readonly group: string | null
  /** The progress marker: changes from one check to the next whenever the task has made progress. */
  readonly marker: string | number
  /** The sum of the deadlines that apply to one step of the task; milliseconds. */
  readonly allowedMs: number
  /** Why the task may stand still for now (a pause, a dependency that is down); null when it should move. */
  readonly suppressedBy: string | null
}

/** A task that has made no progress for longer than its deadlines allow. */
export interface Stall {
  readonly what: string
  readonly group: string | null
  /** When it last made progress; milliseconds since 1970. */
  readonly since: number
  /** For how long it has been observed without progress, and the limit; milliseconds. */
  readonly stillMs: number
  readonly allowedMs: number
}

export interface StallDetector {
  /** Compares all tasks with the check before; tasks that are no longer listed are forgotten. */
  check(tasks: Iterable<WatchedTask>): readonly Stall[]
}

/** The most that counts between two checks: a process that was frozen (SIGSTOP, a suspended host) has not stalled. */
const MAX_BETWEEN_CHECKS_MS = 5_000

interface Seen {
  marker: string | number
  /** Wall clock, for reports. */
  since: number
  /** Observed time, for the verdict. */
  movedAt: number
}

/** Reports tasks without progress for longer than their own deadlines plus `graceMs`, unless suppressed. Call `check` about once a second. */
export function createStallDetector(options: {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly graceMs: number
}): StallDetector {
  const { clock, graceMs } = options
  let lastSeen = new Map<string, Seen>()
  let watchedMs = 0
  let checkedAt = clock.monotonic()

  return {
    check(tasks) {
      const at = clock.monotonic()
      watchedMs += Math.min(at - checkedAt, MAX_BETWEEN_CHECKS_MS)
      checkedAt = at
      const now = clock.now()
      const seen = new Map<string, Seen>()
      const stalls: Stall[] = []
      for (const { what, group, marker, allowedMs, suppressedBy } of tasks) {
        const key = `${group ?? ''}\n${what}`
        const before = lastSeen.get(key)
        const isStill = before !== undefined && before.marker === marker && suppressedBy === null
        const at = isStill ? before : { marker, since: now, movedAt: watchedMs }
        seen.set(key, at)
        const stillMs = watchedMs - at.movedAt
        if (stillMs > allowedMs + graceMs) stalls.push({ what, group, since: at.since, stillMs, allowedMs: allowedMs + graceMs })
      }
      lastSeen = seen
      return stalls
    },
  }
}
