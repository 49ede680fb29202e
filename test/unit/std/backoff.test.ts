import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff, jitter } from '../../../src/std/backoff.ts'

const options = { baseMs: 100, maxMs: 5_000 }

describe('backoff', () => {
  it.each([
    [1, 100],
    [2, 200],
    [6, 3_200],
    [7, 5_000],
    [1_000, 5_000],
  ])('before attempt %i is at most %i ms, and no less than half', (attempt, most) => {
    expect(backoff(attempt, { ...options, random: () => 1 })).toBe(most)
    expect(backoff(attempt, { ...options, random: () => 0 })).toBe(most / 2)
  })

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 0, max: 60_000 }), (attempt, baseMs) => {
        const ms = backoff(attempt, { baseMs, maxMs: 60_000 })
        expect(ms).toBeGreaterThanOrEqual(Math.floor(baseMs / 2))
        expect(ms).toBeLessThanOrEqual(60_000)
      }),
    )
  })

  it('rounds jitter to whole milliseconds', () => {
    expect(jitter(333, () => 0.123)).toBe(187)
    expect(jitter(0)).toBe(0)
  })
})
