import { expect, it } from 'vitest'
import { lossesOf } from '../../../src/ingest/replay-loss.ts'
import { sumCounts } from '../../../src/model/replay.ts'
import { lossCount, lossSentences } from '../../../src/model/unread-offsets.ts'

const lost = (range: { next: bigint; to: bigint }, log: { low: bigint; high: bigint }) =>
  lossesOf([{ partition: 3, from: 0n, ...range }], new Map([[3, log]])).map(({ from, to }) => `${from}-${to}`)

it.each([
  ['nothing', { next: 10n, to: 20n }, { low: 0n, high: 20n }, []],
  ['nothing that was read', { next: 20n, to: 20n }, { low: 30n, high: 30n }, []],
  ['the beginning', { next: 10n, to: 20n }, { low: 14n, high: 99n }, ['10-14']],
  ['the end', { next: 10n, to: 20n }, { low: 0n, high: 15n }, ['15-20']],
  ['the beginning and the end', { next: 10n, to: 20n }, { low: 12n, high: 15n }, ['10-12', '15-20']],
  ['everything to retention', { next: 10n, to: 20n }, { low: 50n, high: 60n }, ['10-20']],
  ['everything of a log that ends below', { next: 10n, to: 20n }, { low: 0n, high: 4n }, ['10-20']],
  ['everything of an empty log', { next: 10n, to: 20n }, { low: 15n, high: 15n }, ['10-15', '15-20']],
])('of a range the log has lost %s', (_, range, log, losses) => {
  expect(lost(range, log)).toEqual(losses)
})

it('names the offsets and their number', () => {
  const logs = new Map([
    [0, { low: 14n, high: 20n }],
    [1, { low: 0n, high: 19n }],
  ])
  const ranges = [0, 1].map((partition) => ({ partition, from: 0n, to: 20n, next: 10n }))
  expect(lossSentences(lossesOf(ranges, logs).map(lossCount))).toEqual([
    '4 offsets of partition 0, from 10 to 13, are no longer in the log and were not read.',
    'Offset 19 of partition 1 is no longer in the log and was not read.',
  ])
})

const loss = (partition: number, from: bigint, to: bigint) => lossCount({ partition, from, to })

it('adds up the losses of each partition', () => {
  const { within: _, ...unknown } = loss(5, 10n, 12n)
  const sum = sumCounts(
    [loss(3, 100n, 900n), loss(4, 9n, 10n), unknown],
    [loss(3, 900n, 5_400n), loss(4, 20n, 22n), loss(4, 10n, 11n), loss(5, 20n, 21n)],
  )
  expect(lossSentences([...sum, { what: 'new', of: 'mail welcome', as: null, count: 1 }])).toEqual([
    '5300 offsets of partition 3, from 100 to 5399, are no longer in the log and were not read.',
    '4 offsets of partition 4, between 9 and 21, are no longer in the log and were not read.',
    '3 offsets of partition 5 are no longer in the log and were not read.',
  ])
})
