import { OperatorError } from '../../std/failure.ts'
import { nearest } from '../../std/nearest.ts'
import { TIME_FORMS, timeIn } from '../time-option.ts'

/**
 * Where an operator wants a group to go on: an end of the log, one offset, the first record at or after a time, or where Kafka's committed
 * offsets are.
 */
export type ResetTarget = 'earliest' | 'latest' | 'committed' | bigint | Date

/** Offsets are signed 64-bit numbers: https://kafka.apache.org/protocol#protocol_types */
const MOST = 2n ** 63n - 1n

/**
 * @param now milliseconds since 1970, from which a length of time counts back
 * @throws {OperatorError} when it is none of these.
 */
export function parseResetTarget(text: string, now: number): ResetTarget {
  if (text === 'earliest' || text === 'latest' || text === 'committed') return text
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= MOST) return BigInt(text)
  const time = timeIn(text, now)
  if (time !== null) return time
  const near = nearest(text, ['earliest', 'latest', 'committed'])
  throw new OperatorError(
    `--to "${text}" is not a position${near === null ? '' : ` (did you mean ${near}?)`}: give earliest, latest, committed, an offset such as 1200, ${TIME_FORMS}.`,
  )
}
