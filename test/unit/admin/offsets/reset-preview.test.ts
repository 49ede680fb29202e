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
const brief = ({ ranges }: ReturnType<typeof rangesAgain>) => ranges.map(({ partition, from, to }) => `${partition}: ${from}-${to}`)

it('looks at what is read again, and at what is skipped unread', () => {
  const of = plan(move({ to: 20n, again: 30n }), move({ partition: 1, to: 60n, unread: 10n }), move({ partition: 2 }))
  expect(brief(rangesAgain(of))).toEqual(['0: 20-50'])
  expect(brief(rangesUnread(of))).toEqual(['1: 50-60'])
  expect(brief(rangesUnread({ ...of, start: 'first' }))).toEqual([])
})

it('looks at the first records of each partition where there are very many, and says so', () => {
  const part = rangesAgain(plan(move({ to: 0n, again: 1_000_000n }), move({ partition: 1, to: 0n, again: 7n })))
  expect(brief(part)).toEqual(['0: 0-5000', '1: 0-7'])
  expect(effectSentences('again', part, { counts: [], ends: [], people: 0, effects: 0 })).toEqual([
    'Reading the first 5007 of 1000007 records again would have 0 effects.',
  ])
})
