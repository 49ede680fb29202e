/**
 * Time and waiting, as a parameter that tests replace. The wall clock can be set (by hand, by NTP, when a host resumes), so durations and
 * deadlines never use it.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970: for logs, rows and timestamps that other systems compare. May jump. */
  now(): number
  /** Monotonic clock, milliseconds since an arbitrary moment: for durations and deadlines. Never jumps. */
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
 * Makes `Date.now()` monotonic in this process, starting at the current time; `new Date()` still returns wall-clock time. Libraries measure
 * durations with `Date.now()`: kafkajs the heartbeat interval, the age of requests and metadata, and broker throttling; rate-limiter-flexible
 * its windows. If the wall clock were set back by an hour, each of them would wait for an hour. Called once by
 * the program, never by a module: applications that import the publisher keep their own clock.
 */
export function measureWithMonotonicTime(): void {
  Date.now = () => Math.floor(performance.timeOrigin + performance.now())
}
