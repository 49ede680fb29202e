import { setTimeout as pause } from 'node:timers/promises'

/**
 * Waits until `look` gives true, asking again and again; what it gives or throws instead is told when the deadline passes. For facts that
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
