import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'

/** A time in a table: in UTC, and how long ago that is. */
export function timeCell(at: Date): string {
  return stamp(at, systemClock.now())
}
