import { describe, expect, it } from 'vitest'
import type { SizeFigures } from '../../../bench/leaderboard/bench-size.ts'
import { renderFigures } from '../../../bench/leaderboard/render-figures.ts'

const figures = (participants: number, windowedMs: number): SizeFigures => ({
  participants,
  reference: { events: 3, ms: 18_000, p99Ms: 19_000, rows: 990_000, walBytes: 700_000_000, burstMs: 18_000_000 },
  full: { events: 4, ms: 3_000, p99Ms: 3_100, rows: 11, walBytes: 80_000, burstMs: 3_500 },
  windowed: { events: 1_000, ms: windowedMs, p99Ms: 7.25, rows: 11, walBytes: 5_000, burstMs: 333 },
  block: { ms: 12_100, rows: 989_999, walBytes: 700_000_000 },
  differences: [],
})

describe('renderFigures', () => {
  it('says how many times cheaper windows are, and marks what was not measured', () => {
    const lines = renderFigures([figures(1_000_000, 2)]).split('\n')
    expect(lines.find((line) => line.includes('reference'))).toMatch(/^ +1,000,000 .* 18000\.0 .* 990,000 +700 MB +~5\.0 h +9,000 x$/)
    expect(lines.find((line) => line.includes('full'))).toMatch(/ 3000\.0 .* 11 +80 kB +3\.5 s +1,500 x$/)
    expect(lines.find((line) => line.includes('windowed '))).toMatch(/ 2\.00 +7\.25 +11 +5000 B +333 ms$/)
    expect(lines).toContain('~ extrapolated from one event')
    expect(lines).toContain('Blocking the first of 1,000,000: 12.1 s, 989,999 rows, 700 MB of WAL.')
  })

  it('compares the largest size with 10,000 where both were measured', () => {
    expect(renderFigures([figures(10_000, 2), figures(100_000, 2.5), figures(1_000_000, 3)])).toContain(
      'One event at 1,000,000 takes 1.50 times as long as at 10,000 by windows.',
    )
    expect(renderFigures([figures(1_000, 2), figures(1_000_000, 3)])).not.toContain('times as long')
    expect(renderFigures([figures(10_000, 2)])).not.toContain('times as long')
  })
})
