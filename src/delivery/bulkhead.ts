/** How soon a destination answers, as far as this process has seen. */
export type Pace = 'quick' | 'unproven' | 'slow'

/** A delivery that takes longer makes its destination slow, while it is still under way. Milliseconds. */
const SLOW_MS = 1_000
/** Quick answers in a row after which a destination that was slow counts as quick again. */
const QUICK_AFTER = 3

/** The pace of one destination. Times are milliseconds of the monotonic clock. */
export class PaceMeter {
  /** Quick answers that it still owes. */
  #owes = 1
  readonly #since = new Set<{ readonly at: number }>()

  /** A delivery sets out; what is returned is called with its end. */
  begin(at: number): (endedAt: number) => void {
    const one = { at }
    this.#since.add(one)
    return (endedAt) => {
      if (!this.#since.delete(one)) return
      this.#owes = endedAt - at >= SLOW_MS ? QUICK_AFTER : Math.max(0, this.#owes - 1)
    }
  }

  at(now: number): Pace {
    for (const { at } of this.#since) if (now - at >= SLOW_MS) return 'slow'
    if (this.#owes === 0) return 'quick'
    return this.#owes === 1 ? 'unproven' : 'slow'
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

  /** @param workers those that the channel may have at all. */
  constructor(workers: number) {
    this.#forSlow = Math.max(1, Math.floor(workers / 2))
    this.#forNotQuick = Math.max(1, workers - Math.max(1, Math.floor(workers / 4)))
  }

  /**
   * What is not known to be quick may turn out to be slow, so a slow destination gets more only while all of them together leave it room:
   * otherwise those that turn slow first would take the places that newcomers need, beside others that turn slow a moment later.
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
