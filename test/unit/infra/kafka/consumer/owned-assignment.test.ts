import { expect, test } from 'vitest'
import { OwnedAssignment } from '../../../../../src/infra/kafka/consumer/owned-assignment.ts'

const owned = () => new OwnedAssignment({ epoch: 1, topic: 'domain-events', partitions: [0, 1], memberId: 'member' })

test('a batch continues only at the position, not from before or behind a seek', () => {
  const assignment = owned()
  expect(assignment.continuesAt(0, 5n)).toBe(false)
  assignment.moveTo(0, 5n)
  expect([4n, 5n, 6n].map((offset) => assignment.continuesAt(0, offset))).toEqual([false, true, false])
  assignment.moveTo(0, 2n)
  expect([2n, 5n].map((offset) => assignment.continuesAt(0, offset))).toEqual([true, false])
  expect(assignment.placed()).toEqual([0])
})

test('what the client skips by itself moves the position on, never back, and is forgotten by a seek', () => {
  const assignment = owned()
  assignment.skipTo(0, 7n)
  expect(assignment.placed()).toEqual([])
  assignment.moveTo(0, 5n)
  assignment.skipTo(0, 7n)
  assignment.skipTo(0, 8n)
  assignment.skipTo(0, 4n)
  expect([4n, 5n, 7n, 8n].map((offset) => assignment.continuesAt(0, offset))).toEqual([false, true, false, true])
  assignment.moveTo(0, 5n)
  expect(assignment.continuesAt(0, 8n)).toBe(false)
})

test('it ends once, with its reason', () => {
  const assignment = owned()
  expect([assignment.ended, assignment.end('joined again'), assignment.end('stopped'), assignment.ended]).toEqual([
    false,
    true,
    false,
    true,
  ])
  expect(assignment.signal.reason).toEqual(new Error('joined again'))
})
