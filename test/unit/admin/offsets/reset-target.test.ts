import { expect, test } from 'vitest'
import { parseResetTarget } from '../../../../src/admin/offsets/reset-target.ts'
import { OperatorError } from '../../../../src/std/failure.ts'

const NOW = Date.UTC(2026, 0, 31)

test('ends, offsets and times with a zone', () => {
  expect(parseResetTarget('earliest', NOW)).toBe('earliest')
  expect(parseResetTarget('latest', NOW)).toBe('latest')
  expect(parseResetTarget('0', NOW)).toBe(0n)
  expect(parseResetTarget('9223372036854775807', NOW)).toBe(9_223_372_036_854_775_807n)
  expect(parseResetTarget('2026-01-31T00:00:00+02:00', NOW)).toEqual(new Date('2026-01-30T22:00:00Z'))
  expect(parseResetTarget('2h', NOW)).toEqual(new Date('2026-01-30T22:00:00Z'))
})

test.each([
  '',
  'Earliest',
  '-1',
  '1.5',
  '0x10',
  '9223372036854775808',
  '2026-01-31',
  '2026-01-31T00:00Z',
  '2026-01-31T00:00:00',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  'yesterday',
])('refuses %j', (text) => {
  expect(() => parseResetTarget(text, NOW)).toThrow(OperatorError)
})
