import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { sizesOf } from '../../../bench/leaderboard/sizes.ts'

describe('sizesOf', () => {
  it.each([
    ['200', [200]],
    ['1k,10k,100k,1m', [1_000, 10_000, 100_000, 1_000_000]],
    ['1M, 2K', [2_000, 1_000_000]],
    ['10k,10000,100', [100, 10_000]],
    ['10m', [10_000_000]],
  ])('reads %j ascending, each once', (list, sizes) => {
    expect(sizesOf(list)).toEqual(sizes)
  })

  it.each(['', ',', '1k,', 'many', '1g', '-5', '1.5k', '1e3', '99', '0', '10000001', '11m', '99999999999'])(
    'refuses %j by a sentence that says what a size is',
    (list) => {
      expect(() => sizesOf(list)).toThrow(InvalidArgumentError)
      expect(() => sizesOf(list)).toThrow(/^".*" is no size: give whole numbers from 100 to 10m, as 500, 10k or 1m, with commas between\.$/)
    },
  )
})
