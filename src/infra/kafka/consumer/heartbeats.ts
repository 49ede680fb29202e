import type { Clock } from '../../../std/clock.ts'

/**
 * Runs `work` while sending heartbeats; kafkajs has no timer of its own and sends none while a batch is handled. Heartbeats continue after the
 * membership is lost: a member that drains during a rebalance must keep its session. Failures are passed to `onFailed`, with the time since
 * the last successful heartbeat.
 */
export async function withHeartbeats<Result>(
  work: () => Promise<Result>,
  options: { heartbeat: () => Promise<void>; intervalMs: number; clock: Clock; onFailed: (error: unknown, silentMs: number) => void },
): Promise<Result> {
  const done = new AbortController()
  void sendHeartbeats(done.signal, options)
  try {
    return await work()
  } finally {
    // With a reason, because the default one is an error whose stack takes longer than a small batch.
    done.abort('the work has ended')
  }
}

async function sendHeartbeats(
  done: AbortSignal,
  { heartbeat: beat, intervalMs, clock, onFailed: failed }: Parameters<typeof withHeartbeats>[1],
): Promise<void> {
  let lastBeat = clock.monotonic()
  for (;;) {
    // kafkajs sends at most one per interval and skips calls that come too early; half an interval keeps the distance below 1.5 intervals.
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
