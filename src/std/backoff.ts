/** Milliseconds to wait before try number `attempt` (from 1): `baseMs` doubling to `maxMs`, the upper half at random. */
export function backoff(attempt: number, options: { baseMs: number; maxMs: number; random?: () => number }): number {
  const full = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt - 1, 30))
  return jitter(full, options.random)
}

/** Between half of `ms` and all of it, so that many who failed together do not come back together. */
export function jitter(ms: number, random: () => number = Math.random): number {
  return Math.round(ms / 2 + (ms / 2) * random())
}
