import { describe, expect, it } from 'vitest'
import { parseBound, rangesOf, type RangeInput } from '../../../../src/admin/replay/replay-range.ts'

function input(change: Partial<RangeInput> = {}): RangeInput {
  return {
    group: 'mailers',
    topic: 'events',
    from: 'earliest',
    to: 'latest',
    partitions: null,
    rows: [
      { partition: 0, next: 80n, exemptBelow: 0n },
      { partition: 1, next: 50n, exemptBelow: 0n },
    ],
    logs: new Map([
      [0, { low: 10n, high: 100n }],
      [1, { low: 0n, high: 50n }],
    ]),
    offsetsAt: { from: new Map(), to: new Map() },
    ...change,
  }
}

const plain = (change: Partial<RangeInput>) => rangesOf(input(change)).map(({ partition, from, to }) => `${partition}: ${from}-${to}`)

describe('the range of a replay', () => {
  it('ends where the group has read to, because the rest is on its live path', () => {
    expect(plain({})).toEqual(['0: 10-80', '1: 0-50'])
    expect(rangesOf(input())[0]?.next).toBe(10n)
  })

  it('is frozen as offsets, of a time as well', () => {
    const offsetsAt = {
      from: new Map([
        [0, 20n],
        [1, 50n],
      ]),
      to: new Map([
        [0, 30n],
        [1, 50n],
      ]),
    }
    expect(plain({ from: new Date(1), to: new Date(2), offsetsAt })).toEqual(['0: 20-30'])
    expect(plain({ from: 12n, to: 14n, partitions: [0] })).toEqual(['0: 12-14'])
  })

  it.each([
    [{ from: 12n }, 'An offset needs --partition'],
    [{ partitions: [7] }, 'Topic events has no partition 7'],
    [{ from: 5n, partitions: [0] }, 'Offset 5 of partition 0 is no longer in the log, which begins at 10: give --from 10.'],
    [{ rows: [] }, 'Group mailers has no progress on events'],
    [{ from: 'latest' }, 'There is nothing of events in this range that mailers has read'],
  ] as const)('is refused: %o', (change, sentence) => {
    expect(() => rangesOf(input(change))).toThrow(sentence)
  })

  it('has bounds that are an end of the log, an offset or a time', () => {
    expect(parseBound('--from', 'earliest', Date.UTC(2026, 0, 31))).toBe('earliest')
    expect(parseBound('--to', '12', Date.UTC(2026, 0, 31))).toBe(12n)
    expect(parseBound('--to', '2026-01-31T00:00:00Z', Date.UTC(2026, 0, 31))).toEqual(new Date('2026-01-31T00:00:00Z'))
    expect(parseBound('--from', '1d', Date.UTC(2026, 0, 31))).toEqual(new Date('2026-01-30T00:00:00Z'))
    for (const text of ['committed', 'yesterday', '-1']) {
      expect(() => parseBound('--from', text, Date.UTC(2026, 0, 31))).toThrow(`--from "${text}" is not a position`)
    }
  })
})
