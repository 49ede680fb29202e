/** Intents a second at the beginning of a replay, each for about ten seconds, before its own rate applies. */
const STEPS = [1, 10, 100] as const
const STEP_SECONDS = 10

/**
 * How many intents a replay releases in its next second. A mistake in a template or an endpoint that cannot take it shows while few are on
 * their way.
 *
 * @param released so far, over pauses and restarts
 * @param rate at the end of the ramp
 */
export function nextRelease(released: number, rate: number): number {
  let before = 0
  for (const step of STEPS) {
    before += step * STEP_SECONDS
    if (released < before) return Math.min(step, rate)
  }
  return rate
}
