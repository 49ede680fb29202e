/**
 * Time and waiting, so that tests own them. Two clocks, because the wall clock is set: by hand, by a time service after a cut, by a host that
 * wakes. What is measured or waited for is never taken from it.
 */
export interface Clock {
  /** The time of day, milliseconds since 1970: for people, rows and what others compare with their own time. It jumps. */
  now(): number
  /** For how long something takes, and until when it may: milliseconds since some moment of this process. It never jumps. */
  monotonic(): number
  /** Resolves after `ms`, or at once when `signal` aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  // Not `Date.now()`, see below.
  now: () => new Date().getTime(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const wake = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      signal?.addEventListener('abort', wake, { once: true })
    }),
}

/**
 * Makes `Date.now()` of this process a monotonic clock that began with the time of day; `new Date()` goes on telling the time. The libraries
 * measure with `Date.now()`: kafkajs the distance of heartbeats, the age of requests and metadata, and how long a broker throttles it,
 * cockatiel the pause of a breaker, rate-limiter-flexible its windows. On a clock that is set back by an hour each of them would wait for an
 * hour. To be called once, by the program and not by a module: whoever imports our publisher keeps the clock as it is.
 */
export function measureWithMonotonicTime(): void {
  Date.now = () => Math.floor(performance.timeOrigin + performance.now())
}
