import { setTimeout as pause } from 'node:timers/promises'

/** As long as three requests of the Kafka client that get no answer, one after the other, each ended by its timeout of 30 s, and then some. */
const DEADLINE_MS = 120_000

/**
 * Polls `look` until it returns true; what it returns or throws instead is reported when the deadline passes. For facts that
 * are only visible from outside (a row, a page, a process). The deadline ends a test that waits in vain, and promises nothing: it is to be
 * longer than what a busy machine makes of the wait.
 */
export async function eventually(
  what: string,
  look: () => Promise<true | string> | true | string,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const until = Date.now() + deadlineMs
  let last = 'never looked'
  while (Date.now() < until) {
    try {
      const seen = await look()
      if (seen === true) return
      last = seen
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    await pause(50)
  }
  throw new Error(`${what}: not within ${deadlineMs} ms; last seen: ${last}`)
}
