import { expect, test } from 'vitest'
import { OwnedAssignment } from '../../../../../src/infra/kafka/consumer/owned-assignment.ts'

const owned = () => new OwnedAssignment({ epoch: 1, topic: 'domain-events', partitions: [0, 1], memberId: 'member' })

test('a batch continues only at the next offset, not from before or after a seek', () => {
  const assignment = owned()
  expect(assignment.continuesAt(0, 5n)).toBe(false)
  assignment.moveTo(0, 5n)
  expect([4n, 5n, 6n].map((offset) => assignment.continuesAt(0, offset))).toEqual([false, true, false])
  assignment.moveTo(0, 2n)
  expect([2n, 5n].map((offset) => assignment.continuesAt(0, offset))).toEqual([true, false])
  expect(assignment.startedPartitions()).toEqual([0])
})

test('offsets skipped by the client move forward, never back, and are reset by a seek', () => {
  const assignment = owned()
  assignment.passTo(0, 7n)
  expect(assignment.startedPartitions()).toEqual([])
  assignment.moveTo(0, 5n)
  assignment.passTo(0, 7n)
  assignment.passTo(0, 8n)
  assignment.passTo(0, 4n)
  expect([4n, 5n, 7n, 8n].map((offset) => assignment.continuesAt(0, offset))).toEqual([false, true, false, true])
  assignment.moveTo(0, 5n)
  expect(assignment.continuesAt(0, 8n)).toBe(false)
})

test('an assignment ends once, with its reason', () => {
  const assignment = owned()
  expect([assignment.ended, assignment.end('joined again'), assignment.end('stopped'), assignment.ended]).toEqual([
    false,
    true,
    false,
    true,
  ])
  expect(assignment.signal.reason).toEqual(new Error('joined again'))
})
