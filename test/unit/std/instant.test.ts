import { expect, test } from 'vitest'
import { EARLIEST_MS, instantOf, LATEST_MS } from '../../../src/std/instant.ts'

test.each([
  ['2030-01-31T10:00:00+00:00', Date.UTC(2030, 0, 31, 10)],
  ['infinity', LATEST_MS],
  ['-infinity', EARLIEST_MS],
  ['294276-12-31T00:00:00+00:00', LATEST_MS],
  ['4713-01-01T00:00:00+00:00 BC', EARLIEST_MS],
])('%s is a Date that can be compared and printed', (text, ms) => {
  expect(instantOf(text).getTime()).toBe(ms)
  expect(instantOf(text).toISOString()).toContain('T')
})
