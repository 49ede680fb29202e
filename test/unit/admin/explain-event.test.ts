import { expect, it } from 'vitest'
import { explainEvent } from '../../../src/admin/explain-event.ts'

const groups = ['position-workers', 'analytics-workers'].map((name) => ({
  name,
  id: name,
  topic: 'domain-events',
  enabled: true,
  types: ['user.*'] as const,
  projects: name === 'analytics-workers',
}))

it('an accepted event without intents: a group with rows of its own has it there, another has nothing left of it', () => {
  const records = groups.map(({ id }) => ({
    group: id,
    type: 'user.signed_up',
    partition: 0,
    offset: '1',
    at: new Date(0),
    outcome: 'accepted',
    reason: null,
  }))
  const [decided, left, projected, ...others] = explainEvent(groups, records, [])
  expect([decided, left]).toEqual([
    expect.stringMatching(/^position-workers read it .*: it created effects\.$/),
    expect.stringMatching(/^ {2}No intent of it is on record/),
  ])
  expect([projected, ...others]).toEqual([expect.stringMatching(/^analytics-workers read it .*: the group's own rows include it\.$/)])
})
