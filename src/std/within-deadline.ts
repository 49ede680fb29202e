import { systemClock, type Clock } from './clock.ts'

/** Waits for `promise`, at most `ms` milliseconds; rejects only if the promise rejects within that time. */
export async function withinDeadline(ms: number, promise: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  try {
    await Promise.race([promise, systemClock.sleep(ms, over.signal)])
  } finally {
    over.abort()
  }
}

/**
 * The answer, unless it takes longer than `ms` milliseconds: then the result rejects, and whatever becomes of the answer is ignored.
 *
 * @throws {Error} `late`, or one with this sentence
 */
export async function answerWithin<Answer>(
  ms: number,
  answer: Promise<Answer>,
  late: string | Error,
  clock: Pick<Clock, 'sleep'> = systemClock,
): Promise<Answer> {
  const over = new AbortController()
  const timeout = clock.sleep(ms, over.signal).then(() => {
    throw typeof late === 'string' ? new Error(late) : late
  })
  // After the answer nobody waits for it.
  timeout.catch(() => undefined)
  try {
    return await Promise.race([answer, timeout])
  } finally {
    over.abort()
  }
}
