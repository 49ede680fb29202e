import type { Clock } from './clock.ts'

/** Something that is under way and must go on. */
export interface Sign {
  /** Names it for an operator and tells it from all others: `batch of partition 3`. */
  readonly what: string
  /** The consumer group that it belongs to; null for the process itself. */
  readonly group: string | null
  /** Differs from one look to the next whenever it has moved meanwhile. */
  readonly stamp: string | number
  /** The sum of the deadlines that apply to one move of it; milliseconds. */
  readonly allowedMs: number
  /** Why it rightly stands still now; null when it should move. */
  readonly excuse: string | null
}

/** A thing that has stood still for longer than it may. */
export interface Stall {
  readonly what: string
  readonly group: string | null
  /** When it was last seen to move; milliseconds since 1970. */
  readonly since: number
  /** How long it has been watched standing still, and how long it may; milliseconds. */
  readonly stillMs: number
  readonly allowedMs: number
}

export interface StallWatch {
  /** Looks at all that is under way; what is not among `signs` any more is forgotten. */
  look(signs: Iterable<Sign>): readonly Stall[]
}

/** Between two looks no more than this counts: a process that was frozen is no work that stands still. */
const MOST_BETWEEN_LOOKS_MS = 5_000

interface Seen {
  stamp: string | number
  /** Wall clock, for people. */
  since: number
  /** Time that was watched, for the verdict. */
  movedAt: number
}

/**
 * Tells what stands still for longer than its own deadlines and `graceMs` together, while nothing excuses it. To be asked about
 * once a second, or more often.
 */
export function createStallWatch(options: { readonly clock: Pick<Clock, 'now' | 'monotonic'>; readonly graceMs: number }): StallWatch {
  const { clock, graceMs } = options
  let known = new Map<string, Seen>()
  let watchedMs = 0
  let lookedAt = clock.monotonic()

  return {
    look(signs) {
      const at = clock.monotonic()
      watchedMs += Math.min(at - lookedAt, MOST_BETWEEN_LOOKS_MS)
      lookedAt = at
      const now = clock.now()
      const seen = new Map<string, Seen>()
      const stalls: Stall[] = []
      for (const { what, group, stamp, allowedMs, excuse } of signs) {
        const key = `${group ?? ''}\n${what}`
        const before = known.get(key)
        const stands = before !== undefined && before.stamp === stamp && excuse === null
        const at = stands ? before : { stamp, since: now, movedAt: watchedMs }
        seen.set(key, at)
        const stillMs = watchedMs - at.movedAt
        if (stillMs > allowedMs + graceMs) stalls.push({ what, group, since: at.since, stillMs, allowedMs: allowedMs + graceMs })
      }
      known = seen
      return stalls
    },
  }
}
