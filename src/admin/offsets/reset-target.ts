import { OperatorError } from '../../std/failure.ts'
import { nearest } from '../../std/nearest.ts'

/**
 * Where an operator wants a group to go on: an end of the log, one offset, the first record at or after a time, or where Kafka's committed
 * offsets are.
 */
export type ResetTarget = 'earliest' | 'latest' | 'committed' | bigint | Date

const RFC_3339 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i
/** Offsets are signed 64-bit numbers: https://kafka.apache.org/protocol#protocol_types */
const MOST = 2n ** 63n - 1n

/** @throws {OperatorError} when it is none of these. */
export function parseResetTarget(text: string): ResetTarget {
  if (text === 'earliest' || text === 'latest' || text === 'committed') return text
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= MOST) return BigInt(text)
  const time = timeIn(text)
  if (time !== null) return time
  const near = nearest(text, ['earliest', 'latest', 'committed'])
  throw new OperatorError(
    `--to "${text}" is not a position${near === null ? '' : ` (did you mean ${near}?)`}: give earliest, latest, committed, an offset such as 1200, or an RFC 3339 time such as 2026-01-31T00:00:00Z.`,
  )
}

/** @throws {OperatorError} when the text is not an RFC 3339 time. */
export function parseTime(option: string, text: string): Date {
  const time = timeIn(text)
  if (time !== null) return time
  throw new OperatorError(`${option} "${text}" is not an RFC 3339 time, such as 2026-01-31T00:00:00Z.`)
}

function timeIn(text: string): Date | null {
  // Date rolls the 31st of a short month over into the next one; an operator who names such a day has mistyped it.
  const time = RFC_3339.test(text) && existingDay(text) ? new Date(text) : null
  return time === null || Number.isNaN(time.getTime()) ? null : time
}

function existingDay(text: string): boolean {
  const day = text.slice(0, 10)
  const parsed = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day)
}
