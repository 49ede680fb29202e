/** Exponential backoff with equal jitter: milliseconds before try number `attempt` (from 1), from `baseMs` doubling up to `maxMs`. */
export function backoff(attempt: number, options: { baseMs: number; maxMs: number; random?: () => number }): number {
  const full = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt - 1, 30))
  return jitter(full, options.random)
}

/** Equal jitter: 50-100 % of `ms`, so that clients that failed together do not retry together. */
export function jitter(ms: number, random: () => number = Math.random): number {
  return Math.round(ms / 2 + (ms / 2) * random())
}
