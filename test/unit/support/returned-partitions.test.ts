import { expect, it } from 'vitest'
import { returnedPartitions } from '../../support/faults/returned-partitions.ts'

const all = [0, 1, 2, 3]

it.each([
  { comes: 'with the next assignment', assignments: [all, [0, 1], all], returned: [2, 3] },
  { comes: 'after several assignments without it', assignments: [all, [0, 1], [0, 1], [0], all], returned: [2, 3, 1] },
  { comes: 'for another that is given up', assignments: [all, [0, 1], [2, 3]], returned: [2, 3] },
  { comes: 'after nothing was owned', assignments: [[0], [], [0]], returned: [0] },
])('a partition that comes back $comes has returned', ({ assignments, returned }) => {
  expect(returnedPartitions(assignments)).toEqual(new Set(returned))
})

it.each([
  { does: 'stays', assignments: [all, all, all] },
  { does: 'is given up', assignments: [all, [0]] },
  { does: 'comes for the first time', assignments: [[], [0], all] },
])('a partition that only $does has not returned', ({ assignments }) => {
  expect(returnedPartitions(assignments)).toEqual(new Set())
})
