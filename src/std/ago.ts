import { DAY_MS } from './day.ts'

const SECOND = 1_000
const units = [
  { name: 's', ms: SECOND },
  { name: 'min', ms: 60 * SECOND },
  { name: 'h', ms: 3_600 * SECOND },
  { name: 'day', ms: DAY_MS },
] as const

/** A duration for people, in its largest whole unit: `40 s`, `3 min`, `5 h`, `1 day`, `12 days`. Milliseconds; less than a second is `0 s`. */
export function span(ms: number): string {
  const unit = units.findLast((one) => Math.abs(ms) >= one.ms) ?? units[0]
  const count = Math.floor(Math.abs(ms) / unit.ms)
  return `${count} ${unit.name}${unit.name === 'day' && count !== 1 ? 's' : ''}`
}

/** A time as people say it: `3 min ago`, `in 5 h`; within a second of `now` it is `just now`. `now` in milliseconds since 1970. */
export function ago(at: Date, now: number): string {
  const ms = now - at.getTime()
  if (Math.abs(ms) < SECOND) return 'just now'
  return ms > 0 ? `${span(ms)} ago` : `in ${span(ms)}`
}

/** A time as tables show it: in UTC, and how long ago. */
export function stamp(at: Date, now: number): string {
  return `${at.toISOString()} (${ago(at, now)})`
}
