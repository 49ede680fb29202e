import { expect, it } from 'vitest'
import { effectSentences, rangesAgain, rangesUnread } from '../../../../src/admin/offsets/reset-preview.ts'
import type { PartitionMove, ResetPlan } from '../../../../src/admin/offsets/reset-plan.ts'

const move = (change: Partial<PartitionMove>): PartitionMove => ({
  partition: 0,
  from: 50n,
  to: 50n,
  committed: 50n,
  exemptBelow: 0n,
  again: 0n,
  forgotten: 0n,
  unread: 0n,
  lost: 0n,
  recreated: false,
  cutAt: null,
  ...change,
})
const plan = (...moves: readonly PartitionMove[]): ResetPlan => ({ group: 'g', topic: 't', start: 'known', topicId: null, moves })
const many = (partition: number, again: bigint) => move({ partition, to: 0n, again })
const brief = ({ ranges }: ReturnType<typeof rangesAgain>) => ranges.map(({ partition, from, to }) => `${partition}: ${from}-${to}`)

it('looks at what is read again, and at what is skipped unread', () => {
  const of = plan(move({ to: 20n, again: 30n }), move({ partition: 1, to: 60n, unread: 10n }), move({ partition: 2 }))
  expect(brief(rangesAgain(of))).toEqual(['0: 20-50'])
  expect(brief(rangesUnread(of))).toEqual(['1: 50-60'])
  expect(brief(rangesUnread({ ...of, start: 'first' }))).toEqual([])
})

it('looks at 10,000 records where there are more, the first of each partition, and says so', () => {
  const part = rangesAgain(plan(many(0, 1_000_000n), many(1, 7n)))
  expect(brief(part)).toEqual(['0: 0-9993', '1: 0-7'])
  const three = rangesAgain(plan(many(0, 2_500n), many(1, 1n), many(2, 9_000n), many(3, 9_000n)))
  expect(brief(three)).toEqual(['0: 0-2500', '1: 0-1', '2: 0-3749', '3: 0-3750'])
  expect(three).toMatchObject({ shown: 10_000n, all: 20_501n })
  const small = rangesAgain(plan(many(0, 9_999n), many(1, 1n)))
  expect(small).toMatchObject({ shown: 10_000n, all: 10_000n })
  const wide = rangesAgain(plan(...Array.from({ length: 10_001 }, (_, partition) => many(partition, 2n))))
  expect(wide.shown).toBe(10_001n)
  expect(effectSentences('again', part, { counts: [], ends: [], people: 0, effects: 0 })).toEqual([
    'Reading the first 10000 of 1000007 records again would have 0 effects.',
  ])
})
