import { OperatorError } from '../../std/failure.ts'
import { lengthIn } from '../time-option.ts'
import { DAY_MS } from '../../std/day.ts'

const YEAR_MS = 365 * DAY_MS

/**
 * How long a pause lasts, from `90s`, `30m`, `2h` or `3d`; milliseconds.
 *
 * @param name of the option or field that it was given as
 * @throws {OperatorError} it is not such a length, or longer than a year.
 */
export function pauseLength(text: string, name = '--for'): number {
  const ms = lengthIn(text)
  if (ms !== null && ms > 0 && ms <= YEAR_MS) return ms
  throw new OperatorError(`${name} is not a length of time up to a year: give a number with s, m, h or d, such as 30m, 2h or 3d.`)
}

/** A length in the largest two units that say it, such as `2 h 5 min`; always at least `1 s`. */
export function lengthInWords(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000))
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
