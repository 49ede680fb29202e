import { expect, test } from 'vitest'
import { isInAudience } from '../../invariants/expected-mails.ts'

const verifiedAt = (at: number) => ({ consent: true, left: null, verified: { from: at, at, verifiedAt: at } })

test.each([
  ['before', 5_122, true],
  ['in the same millisecond', 5_123, null],
  ['after', 5_124, false],
])('a person who verified %s an event at 5,123 ms', (_, at, expected) => {
  expect(isInAudience(verifiedAt(at), { at: 5_123 }, 6_000)).toBe(expected)
})

test.each([
  ['before', 4_999, true],
  ['within', 5_489, null],
  ['at the end of', 5_999, null],
  ['in the second after', 6_000, false],
])('a person who verified %s the second to which the time of an event may be truncated', (_, at, expected) => {
  expect(isInAudience(verifiedAt(at), { at: 5_000 }, 7_000)).toBe(expected)
})
