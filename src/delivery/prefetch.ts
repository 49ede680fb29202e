/** As many intents wait for a worker as the workers have lately ended in this time. Milliseconds. */
const AHEAD_MS = 250
/** More of a channel never wait, as a multiple of the workers and in rows, unless half of the workers are more. */
const MOST_PER_WORKER = 4
const MOST = 100

/**
 * How many claimed intents of a channel may wait for a worker of this process: while the workers end hundreds a second, a claim takes a
 * block of them; while each takes seconds, half as many wait as there are workers. No other process can take what waits here.
 */
export class Prefetch {
  readonly #poolSize: number
  /** When the last intents ended, by the monotonic clock; no more of them than can matter. */
  readonly #endedAt: number[] = []

  constructor(poolSize: number) {
    this.#poolSize = poolSize
  }

  /** An intent is done: the workers are that fast. */
  ended(): void {
    this.#endedAt.push(performance.now())
    if (this.#endedAt.length > MOST) this.#endedAt.shift()
  }

  /** How many may wait now. A single worker has none waiting: it works on one intent at a time. */
  get most(): number {
    if (this.#poolSize === 1) return 0
    const from = performance.now() - AHEAD_MS
    while ((this.#endedAt[0] ?? from) < from) this.#endedAt.shift()
    return Math.max(this.least, Math.min(this.#endedAt.length, this.#poolSize * MOST_PER_WORKER, MOST))
  }

  /** How many may wait, however slow the workers are. */
  get least(): number {
    return Math.floor(this.#poolSize / 2)
  }
}
