import { expect, it } from 'vitest'
import { ago, span, stamp } from '../../../src/std/ago.ts'

const now = Date.UTC(2026, 0, 31, 12)

it.each([
  [999, 'just now'],
  [1_000, '1 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 min ago'],
  [3_599_999, '59 min ago'],
  [3_600_000, '1 h ago'],
  [86_400_000, '1 day ago'],
  [12 * 86_400_000, '12 days ago'],
  [-180_000, 'in 3 min'],
])('a time of %i ms ago is "%s"', (ms, text) => {
  expect(ago(new Date(now - ms), now)).toBe(text)
})

it('a duration below a second is 0 s, and a time of a table is in UTC first', () => {
  expect(span(20)).toBe('0 s')
  expect(stamp(new Date(now - 180_000), now)).toBe('2026-01-31T11:57:00.000Z (3 min ago)')
})
