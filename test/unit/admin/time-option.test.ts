import { expect, test } from 'vitest'
import { parseTime } from '../../../src/admin/time-option.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')

test.each([
  ['90s', '2026-03-01T11:58:30.000Z'],
  ['30m', '2026-03-01T11:30:00.000Z'],
  ['30 min', '2026-03-01T11:30:00.000Z'],
  ['12h', '2026-03-01T00:00:00.000Z'],
  ['7d', '2026-02-22T12:00:00.000Z'],
  ['2026-01-31T00:00:00Z', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31 00:00:00.5+02:00', '2026-01-30T22:00:00.500Z'],
])('%s is a time', (text, iso) => {
  expect(parseTime('--since', text, NOW).toISOString()).toBe(iso)
})

test.each([
  '',
  '7',
  'd',
  '-1h',
  '1.5h',
  '2w',
  '2h30m',
  '999999999d',
  'yesterday',
  '2026-01-31',
  '2026-02-30T00:00:00Z',
  '2026-01-31T00:00:00',
])('a time such as %j is refused by a sentence with both forms', (text) => {
  expect(() => parseTime('--since', text, NOW)).toThrow(
    `--since "${text}" is not a time: give a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.`,
  )
})
