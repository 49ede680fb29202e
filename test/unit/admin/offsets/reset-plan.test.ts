import { expect, test } from 'vitest'
import { commitChanges, planReset, progressChanges, type ResetQuestion } from '../../../../src/admin/offsets/reset-plan.ts'
import { isDone, lossOf, resetSentences } from '../../../../src/admin/offsets/reset-summary.ts'

const row = (next: bigint, options: { partition?: number; exemptBelow?: bigint } = {}) => ({
  partition: 0,
  exemptBelow: 0n,
  ...options,
  next,
})
const at = (offset: bigint) => new Map([[0, offset]])

/** One partition that holds 10 to 50, everything in it remembered. */
function plan(question: Partial<ResetQuestion>) {
  return planReset({
    group: 'g',
    topic: 't',
    target: 'earliest',
    partitions: null,
    topicId: null,
    epochEnds: new Map(),
    rows: [],
    committed: new Map(),
    ranges: new Map([[0, { low: 10n, high: 50n }]]),
    offsetsAtTime: new Map(),
    rememberedFrom: new Map(),
    ...question,
  })
}

function onlyMove(question: Partial<ResetQuestion>) {
  const [move, ...others] = plan(question).moves
  expect(others).toEqual([])
  return move
}

test('going back counts what is looked at again and loses nothing', () => {
  const back = plan({ rows: [row(30n)], committed: at(30n) })
  expect(back.moves).toMatchObject([{ from: 30n, to: 10n, again: 20n, unread: 0n, lost: 0n }])
  expect(lossOf(back)).toBeNull()
  expect(progressChanges(back)).toEqual([{ partition: 0, expected: 30n, next: 10n, exemptBelow: 0n }])
  expect(commitChanges(back)).toEqual(at(10n))
  expect(resetSentences(back, 90)).toEqual([
    'Going back: 20 records will be read again. Effects are keyed, so nothing that was sent is sent twice.',
  ])
})

test('going forward counts what is passed over, by partition', () => {
  const ranges = new Map([
    [0, { low: 10n, high: 50n }],
    [1, { low: 0n, high: 31n }],
  ])
  const forward = plan({ target: 'latest', rows: [row(30n), row(30n, { partition: 1 })], ranges })
  expect(lossOf(forward)).toBe('group g skips 21 records that it has not read (20 in partition 0, 1 in partition 1)')
  const one = plan({ target: 'latest', rows: [row(30n), row(30n, { partition: 1 })], ranges, partitions: [1] })
  expect(one.moves).toMatchObject([{ partition: 1, unread: 1n }])
})

test('a time is the first record at or after it, inside the log', () => {
  expect(onlyMove({ target: new Date(0), rows: [row(30n)], offsetsAtTime: at(20n) })).toMatchObject({ to: 20n, again: 10n })
  expect(onlyMove({ target: new Date(0), rows: [row(30n)], offsetsAtTime: at(3n) })).toMatchObject({ to: 10n })
  expect(onlyMove({ target: new Date(0), rows: [row(30n)] })).toMatchObject({ to: 50n, unread: 20n })
})

test('an offset outside the log is refused, with the log', () => {
  expect(onlyMove({ target: 50n, rows: [row(50n)] })).toMatchObject({ to: 50n })
  expect(() => plan({ target: 51n, rows: [row(30n)] })).toThrow('Offset 51 lies outside t/0 (10 to 50): give an offset inside')
  expect(() => plan({ target: 9n, rows: [row(30n)] })).toThrow('Offset 9 lies outside')
})

test('a partition that does not exist is refused', () => {
  expect(() => plan({ rows: [row(30n)], partitions: [1] })).toThrow('Topic t has no partition 1: give one from 0 to 0.')
})

test('the range that the log has lost is a loss even at its beginning', () => {
  const lost = plan({ rows: [row(4n)] })
  expect(lost.moves).toMatchObject([{ to: 10n, lost: 6n, unread: 0n, again: 0n }])
  expect(lossOf(lost)).toBe('group g skips 6 records that the log no longer holds (6 in partition 0)')
  expect(onlyMove({ target: 12n, rows: [row(4n)] })).toMatchObject({ lost: 6n, unread: 2n })
})

test('a recreated topic is a first reading, and a loss that nobody can count', () => {
  const recreated = plan({ rows: [row(99n, { exemptBelow: 80n })] })
  expect(recreated.moves).toMatchObject([{ from: 99n, to: 10n, recreated: true, exemptBelow: 50n, again: 0n }])
  expect(lossOf(recreated)).toContain('their number is unknown')
  const shrunk = plan({ rows: [row(30n), row(7n, { partition: 1 })], partitions: [1] })
  expect(progressChanges(shrunk)).toEqual([{ partition: 1, expected: 7n, next: null, exemptBelow: 0n }])
  expect(commitChanges(shrunk)).toEqual(new Map())
  expect(lossOf(shrunk)).not.toBeNull()
})

test('a first start loses nothing wherever it begins, and takes all partitions', () => {
  const first = plan({ target: 'latest' })
  expect(first).toMatchObject({ start: 'first', moves: [{ from: null, to: 50n, unread: 40n, exemptBelow: 50n }] })
  expect(lossOf(first)).toBeNull()
  expect(resetSentences(first, 90)[0]).toContain('40 records before these offsets')
  expect(() => plan({ partitions: [0] })).toThrow('omit --partition')
})

test('in an emptied database the committed offset says what was read, and that it may be sent again', () => {
  const emptied = plan({ target: 20n, committed: at(30n) })
  expect(emptied).toMatchObject({ start: 'no-rows', moves: [{ from: null, to: 20n, again: 10n, exemptBelow: 50n }] })
  expect(resetSentences(emptied, 90).join(' ')).toContain('may be sent again')
  expect(resetSentences(emptied, 90).join(' ')).not.toContain('sent twice')
  expect(lossOf(plan({ target: 'latest', committed: at(30n) }))).toContain('20 records that it has not read')
  expect(() => plan({ committed: at(30n), partitions: [0] })).toThrow('omit --partition')
})

test('a partition that was added later begins at its beginning, so anything else passes over records', () => {
  const ranges = new Map([
    [0, { low: 0n, high: 5n }],
    [1, { low: 0n, high: 3n }],
  ])
  const added = plan({ target: 'latest', rows: [row(5n)], ranges, partitions: [1] })
  expect(added.moves).toMatchObject([{ partition: 1, from: null, to: 3n, unread: 3n, exemptBelow: 0n }])
})

test('a first reading that is under way keeps its exemption; once over, going back loses it', () => {
  expect(onlyMove({ rows: [row(30n, { exemptBelow: 40n })], rememberedFrom: at(45n) })).toMatchObject({ exemptBelow: 40n, forgotten: 0n })
  const over = plan({ rows: [row(45n, { exemptBelow: 40n })], rememberedFrom: at(20n) })
  expect(over.moves).toMatchObject([{ exemptBelow: 0n, again: 35n, forgotten: 10n }])
  expect(resetSentences(over, 90)[1]).toContain('10 records of them are older than DEDUPE_DAYS=90')
  expect(onlyMove({ target: 'latest', rows: [row(45n, { exemptBelow: 48n })] })).toMatchObject({ exemptBelow: 48n })
})

test('where rows and commits are already there nothing is done; where only the rows are, Kafka follows', () => {
  expect(isDone(plan({ rows: [row(10n)], committed: at(10n) }))).toBe(true)
  const half = plan({ rows: [row(10n)], committed: at(30n) })
  expect(isDone(half)).toBe(false)
  expect(progressChanges(half)).toEqual([])
  expect(commitChanges(half)).toEqual(at(10n))
})

test('a recreated topic is a first reading, also where the row stays as it is', () => {
  const stays = plan({ rows: [{ ...row(50n), topicId: 'old' }], topicId: 'new', target: 'latest', committed: at(50n) })
  expect(stays.moves).toMatchObject([{ from: 50n, to: 50n, recreated: true, exemptBelow: 50n }])
  expect(isDone(stays)).toBe(false)
  expect(lossOf(stays)).toContain('their number is unknown')
  expect(lossOf(plan({ rows: [{ ...row(50n), topicId: 'old' }], topicId: 'old', target: 'latest' }))).toBeNull()
})

test('a log that was cut counts what was written since as unread, and requires the loss to be accepted', () => {
  const last = { offset: 39n, leaderEpoch: 3 }
  const cut = plan({ rows: [{ ...row(40n), last }], epochEnds: at(30n), target: 30n })
  expect(cut.moves).toMatchObject([{ from: 40n, to: 30n, again: 0n, unread: 0n, cutAt: 30n, recreated: false }])
  expect(lossOf(cut)).toContain('that were cut off (partition 0 at 30; their number is unknown)')
  expect(lossOf(plan({ rows: [{ ...row(40n), last }], epochEnds: at(30n), target: 'latest' }))).toContain('20 records that it has not read')
  expect(onlyMove({ rows: [{ ...row(40n), last }], epochEnds: at(40n), target: 40n })).toMatchObject({ cutAt: null })
  expect(onlyMove({ rows: [{ ...row(40n), last }], epochEnds: new Map([[0, null]]), target: 'earliest' })).toMatchObject({
    recreated: true,
  })
})

test('committed is the nearest offset that the log has, and the beginning where nothing was committed', () => {
  expect(onlyMove({ committed: at(30n), target: 'committed' })).toMatchObject({ to: 30n, unread: 0n })
  expect(onlyMove({ committed: at(3n), target: 'committed' })).toMatchObject({ to: 10n, lost: 7n })
  expect(onlyMove({ committed: at(60n), target: 'committed' })).toMatchObject({ to: 50n, recreated: true })
  expect(onlyMove({ target: 'committed' })).toMatchObject({ to: 10n })
})
