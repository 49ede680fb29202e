import { systemClock } from '../../src/std/clock.ts'
import { howLongAgo } from '../../src/std/how-long-ago.ts'

/** A time in a table: in UTC, and how long ago that is. */
export function timeCell(at: Date): string {
  return `${at.toISOString()} (${howLongAgo(at.getTime(), systemClock.now())})`
}
