import { expect, test } from 'vitest'
import { lengthInWords, pauseLength } from '../../../../src/admin/pauses/pause-length.ts'

test.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['30min', 1_800_000],
  ['2 h', 7_200_000],
  ['3d', 259_200_000],
])('%s is %i ms', (text, ms) => {
  expect(pauseLength(text)).toBe(ms)
})

test.each(['', '2', 'h', '0h', '-1h', '1.5h', '2w', '366d', '2h30m'])('%j is refused as a length', (text) => {
  expect(() => pauseLength(text)).toThrow('--for is not a length of time up to a year')
})

test.each([
  [0, '1 s'],
  [59_000, '59 s'],
  [90_000, '1 min 30 s'],
  [7_200_000, '2 h'],
  [93_600_000, '1 d 2 h'],
  [86_460_000, '1 d'],
])('%i ms is said as %j', (ms, words) => {
  expect(lengthInWords(ms)).toBe(words)
})
