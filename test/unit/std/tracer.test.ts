import { expect, it } from 'vitest'
import { parseTraceparent, spanClock, traceparentOf } from '../../../src/std/tracer.ts'

const traceId = 'a'.repeat(32)
const spanId = 'b'.repeat(16)

it.each([
  ['a sampled span', `00-${traceId}-${spanId}-01`, 1],
  ['one that is not', `00-${traceId}-${spanId}-00`, 0],
  ['flags that it does not know', `00-${traceId}-${spanId}-fe`, 0],
  ['a later version with more behind it', `cc-${traceId}-${spanId}-01-what-comes`, 1],
])('reads %s', (_, text, traceFlags) => {
  expect(parseTraceparent(text)).toEqual({ traceId, spanId, traceFlags })
})

it.each([
  ['', 'nothing'],
  [`00-${traceId}-${spanId}`, 'no flags'],
  [`00-${traceId}-${spanId}-01-more`, 'more than its version has'],
  [`ff-${traceId}-${spanId}-01`, 'a forbidden version'],
  [`00-${'0'.repeat(32)}-${spanId}-01`, 'no trace'],
  [`00-${traceId}-${'0'.repeat(16)}-01`, 'no span'],
  [`00-${traceId.toUpperCase()}-${spanId}-01`, 'capitals'],
  [` 00-${traceId}-${spanId}-01`, 'a blank'],
  [`00-${traceId}-${spanId}-01\n`, 'a line end'],
])('ignores %j: %s', (text) => {
  expect(parseTraceparent(text)).toBeNull()
})

it('writes what it reads, and nothing for a tracer that does nothing', () => {
  expect(traceparentOf({ traceId, spanId, traceFlags: 1 })).toBe(`00-${traceId}-${spanId}-01`)
  expect(traceparentOf({ traceId, spanId, traceFlags: 0 })).toBe(`00-${traceId}-${spanId}-00`)
  expect(traceparentOf({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 })).toBeNull()
})

it('has spans that are as long as their work when the time of day is set back meanwhile', () => {
  let [now, monotonic] = [1_900_000_000_000, 5_000]
  const time = spanClock({ now: () => now, monotonic: () => monotonic })
  const start = time()
  now -= 3_600_000
  monotonic += 12.5
  expect([start, time() - start]).toEqual([1_900_000_000_000, 12.5])
})
