import { expect, test } from 'vitest'
import { reportOffsets, type OffsetQuestion } from '../../../../src/admin/offsets/offset-report.ts'

const range = { low: 10n, high: 50n }

function states(question: Partial<OffsetQuestion>) {
  const report = reportOffsets({
    rows: [],
    committed: new Map(),
    ranges: new Map([[0, range]]),
    topicId: null,
    epochEnds: new Map(),
    members: 0,
    ...question,
  })
  return report.map(({ partition, state, lag }) => `${partition} ${state} ${lag}`)
}

const row = (next: bigint, partition = 0) => ({ partition, next, exemptBelow: 0n })

test.each([
  { name: 'lag counts from the row', rows: [row(20n)], committed: 20n, is: '0 ok 30' },
  { name: 'a row at the end', rows: [row(50n)], committed: null, is: '0 ok 0' },
  { name: 'a row before the log', rows: [row(9n)], committed: 9n, is: '0 data-lost null' },
  { name: 'a row behind the log', rows: [row(51n)], committed: 51n, is: '0 topic-recreated null' },
  { name: 'a commit above the row', rows: [row(20n)], committed: 21n, is: '0 commit-above-row 30' },
  { name: 'a commit behind the row', rows: [row(20n)], committed: 19n, is: '0 commit-behind-row 30' },
  { name: 'nothing at all', rows: [], committed: null, is: '0 not-started null' },
  { name: 'a commit without any row', rows: [], committed: 20n, is: '0 no-row null' },
])('$name', ({ rows, committed, is }) => {
  expect(states({ rows, committed: new Map(committed === null ? [] : [[0, committed]]) })).toEqual([is])
})

test('the commits of a running group may come a moment after its rows', () => {
  expect(states({ rows: [row(20n)], committed: new Map([[0, 19n]]), members: 1 })).toEqual(['0 ok 30'])
})

test('partitions are sorted by number; new and missing ones are reported', () => {
  const ranges = new Map([
    [10, range],
    [2, range],
  ])
  expect(states({ ranges, rows: [row(20n, 2), row(5n, 11)] })).toEqual(['2 ok 30', '10 new-partition null', '11 topic-recreated null'])
})

test('a row of another topic, or of a log that was cut below it, is not ok however well it fits', () => {
  const last = { offset: 39n, leaderEpoch: 3 }
  expect(states({ rows: [{ ...row(40n), topicId: 'old' }], topicId: 'new' })).toEqual(['0 topic-recreated 10'])
  expect(states({ rows: [{ ...row(40n), topicId: 'old' }], topicId: 'old' })).toEqual(['0 ok 10'])
  expect(states({ rows: [{ ...row(40n), last }], epochEnds: new Map([[0, 39n]]) })).toEqual(['0 log-cut 10'])
  expect(states({ rows: [{ ...row(40n), last }], epochEnds: new Map([[0, 40n]]) })).toEqual(['0 ok 10'])
})
