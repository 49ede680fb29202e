import { setTimeout as pause } from 'node:timers/promises'

/**
 * Polls `look` until it returns true; what it returns or throws instead is reported when the deadline passes. For facts that
 * are only visible from outside (a row, a page, a process).
 */
export async function eventually(what: string, look: () => Promise<true | string> | true | string, deadlineMs = 60_000): Promise<void> {
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
