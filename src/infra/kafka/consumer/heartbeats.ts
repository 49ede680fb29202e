import type { Clock } from '../../../std/clock.ts'

/**
 * Does `work` while the member heartbeats; kafkajs has no timer of its own and is silent while a batch runs. It goes on after the
 * membership is lost: a member that drains during a rebalance must keep its session. Failures are told to `failed`, with how long no beat
 * has succeeded.
 */
export async function withHeartbeats<Result>(
  work: () => Promise<Result>,
  options: { beat: () => Promise<void>; intervalMs: number; clock: Clock; failed: (error: unknown, silentMs: number) => void },
): Promise<Result> {
  const done = new AbortController()
  void keepBeating(done.signal, options)
  try {
    return await work()
  } finally {
    done.abort()
  }
}

async function keepBeating(done: AbortSignal, { beat, intervalMs, clock, failed }: Parameters<typeof withHeartbeats>[1]): Promise<void> {
  let lastBeat = clock.monotonic()
  for (;;) {
    // kafkajs sends at most one per interval and skips what comes a moment too early; half of it keeps the distance below 1.5 intervals.
    await clock.sleep(intervalMs / 2, done)
    if (done.aborted) return
    try {
      await beat()
      lastBeat = clock.monotonic()
    } catch (error) {
      if (!done.aborted) failed(error, clock.monotonic() - lastBeat)
    }
  }
}
