import { describe, expect, it } from 'vitest'
import { retryAfterMs } from '../../../../src/delivery/webhook/retry-after.ts'

const now = Date.UTC(1994, 10, 6, 8, 49, 7)

describe('Retry-After', () => {
  it.each([
    ['seconds', '120', 120_000],
    ['zero', '0', 0],
    ['seconds between spaces', ' 7 ', 7_000],
    ['a date', 'Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
    ['a date of RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
    ['a date of asctime, which has no zone and means GMT', 'Sun Nov  6 08:49:37 1994', 30_000],
    ['a date that has passed', 'Sun, 06 Nov 1994 08:00:00 GMT', 0],
    ['more seconds than there will be', '9'.repeat(400), Number.POSITIVE_INFINITY],
  ])('reads %s', (_what, value, expected) => {
    expect(retryAfterMs(value, now)).toBe(expected)
  })

  it.each([null, '', '-5', '1.5', '12 seconds', 'tomorrow', '1994-11-06', '0x10', 'Sun, 99 Nov 1994 08:49:37 GMT'])(
    'has no meaning as %j',
    (value) => {
      expect(retryAfterMs(value, now)).toBeNull()
    },
  )
})
