import { OperatorError } from '../std/failure.ts'
import { DAY_MS } from '../std/day.ts'

/** Milliseconds of each unit that a length of time may have. */
const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: DAY_MS }
const RFC_3339 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

/** The two forms of a time, for sentences that refuse another one. */
export const TIME_FORMS = 'a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z'

/** A length such as `90s`, `30m`, `2h` or `7d` in milliseconds; null when the text is none. */
export function lengthIn(text: string): number | null {
  const [, count = '', unit = ''] = /^(\d{1,9})\s?(s|m|min|h|d)$/.exec(text.trim()) ?? []
  return unit === '' ? null : Number(count) * (units[unit] ?? Number.NaN)
}

/**
 * The time in an operator's words: an RFC 3339 time, or how long ago it was.
 *
 * @param now milliseconds since 1970
 * @returns null when the text is neither
 */
export function timeIn(text: string, now: number): Date | null {
  const ago = lengthIn(text)
  // Date rolls the 31st of a short month over into the next one; an operator who names such a day has mistyped it.
  const time = ago !== null ? new Date(now - ago) : RFC_3339.test(text) && existingDay(text) ? new Date(text) : null
  return time === null || Number.isNaN(time.getTime()) || time.getTime() < 0 ? null : time
}

/** @throws {OperatorError} when the text is no time; it names both forms. */
export function parseTime(option: string, text: string, now: number): Date {
  const time = timeIn(text, now)
  if (time !== null) return time
  throw new OperatorError(`${option} "${text}" is not a time: give ${TIME_FORMS}.`)
}

function existingDay(text: string): boolean {
  const day = text.slice(0, 10)
  const parsed = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day)
}
