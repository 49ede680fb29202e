import { describe, expect, it } from 'vitest'
import { median, quantile } from '../../../bench/measure/quantile.ts'

describe('quantile', () => {
  it('is a value that was measured, which that share of all do not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect([0.01, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100])
    expect(quantile([7], 0.5)).toBe(7)
    expect(quantile([10, 9], 0.99)).toBe(10)
  })

  it('of nothing is no number', () => {
    expect(median([])).toBeNaN()
  })
})
