/** How fast a destination answers, as far as this process has measured. */
export type Pace = 'quick' | 'unproven' | 'slow'

/** A delivery that takes longer makes its destination slow, while it is still under way. Milliseconds. */
const SLOW_MS = 1_000
/** Quick answers in a row after which a destination that was slow counts as quick again. */
const QUICK_AFTER = 3
/** The newest delivery's weight in the mean of their times. */
const NEWEST = 1 / 8

/** The pace of one destination. Times are milliseconds of the monotonic clock. */
export class PaceMeter {
  /** Quick answers that are missing until the destination counts as quick. */
  #missing = 1
  #meanMs: number | null = null
  readonly #since = new Set<{ readonly at: number }>()

  /** Called when a delivery starts; the returned function when it has ended. */
  begin(at: number): (endedAt: number) => void {
    const one = { at }
    this.#since.add(one)
    return (endedAt) => {
      if (!this.#since.delete(one)) return
      this.#missing = endedAt - at >= SLOW_MS ? QUICK_AFTER : Math.max(0, this.#missing - 1)
    }
  }

  /** A delivery had its permit for so long, its start included. */
  held(ms: number): void {
    this.#meanMs = (this.#meanMs ?? ms) * (1 - NEWEST) + ms * NEWEST
  }

  /** How many deliveries have their turn in that time when `atOnce` are always in flight. */
  answersIn(ms: number, atOnce: number): number {
    return Math.floor((ms / Math.max(this.#meanMs ?? Infinity, 1)) * atOnce)
  }

  at(now: number): Pace {
    for (const { at } of this.#since) if (now - at >= SLOW_MS) return 'slow'
    if (this.#missing === 0) return 'quick'
    return this.#missing === 1 ? 'unproven' : 'slow'
  }
}

/**
 * How many deliveries of a group may still go to slow destinations, and to destinations that are not known to be quick. Without
 * these limits a handful of endpoints that answer after seconds would hold every worker, and all other tenants would wait.
 */
export class Bulkhead {
  readonly #forSlow: number
  readonly #forNotQuick: number
  #taken = 0

  /** @param workers the most that the channel may use. */
  constructor(workers: number) {
    this.#forSlow = Math.max(1, Math.floor(workers / 2))
    this.#forNotQuick = Math.max(1, workers - Math.max(1, Math.floor(workers / 4)))
  }

  /**
   * A destination that is not known to be quick may turn out to be slow. A slow one therefore gets more permits only while slow and unproven
   * destinations together stay below its limit; otherwise the first that turn slow would take the permits that new ones need.
   */
  room(pace: Pace): number {
    if (pace === 'quick') return Infinity
    return Math.max(0, (pace === 'slow' ? this.#forSlow : this.#forNotQuick) - this.#taken)
  }

  take(pace: Pace, count = 1): void {
    if (pace !== 'quick') this.#taken += count
  }
}

/**
 * Of a group's workers, how many intents of one channel may be claimed: where a group has several channels that send something
 * elsewhere, none has more than three quarters (at least one worker), so that slow deliveries of one leave workers to the others. A
 * channel on its own, and those whose effect is the database, have no such limit.
 *
 * @param sending channels of the group that send something elsewhere
 */
export function mostPerChannel(workers: number, sending: number): number {
  return sending > 1 ? Math.max(1, workers - Math.floor(workers / 4)) : Infinity
}
