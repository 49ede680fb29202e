import { expect, test } from 'vitest'
import { operatorGroups } from '../../../../src/admin/operator-group.ts'
import { plannedTopics, planTopics } from '../../../../src/admin/topics/topic-plan.ts'

const groups = operatorGroups([{ name: 'a' }, { name: 'b' }], { topic: 'events', groupPrefix: 'stage.', groups: [] })

function plan(present: Record<string, number>, partitions: number | null = null) {
  return planTopics({ groups, partitions, present: new Map(Object.entries(present)) }).map(
    ({ name, action, from, partitions }) => `${action} ${name} ${from}->${partitions}`,
  )
}

test('on an empty cluster the topic gets ten partitions and each group a dead-letter topic as wide', () => {
  expect(plan({})).toEqual(['create events 0->10', 'create events.stage.a.dlq 0->10', 'create events.stage.b.dlq 0->10'])
  expect(plannedTopics(groups)).toEqual(['events', 'events.stage.a.dlq', 'events.stage.b.dlq'])
})

test('dead letters outlive the retention that brokers have by default, and are never compacted', () => {
  const [topic, letters] = planTopics({ groups, partitions: null, present: new Map() })
  expect(topic?.config).toEqual({})
  expect(letters?.config).toEqual({ 'retention.ms': '7776000000', 'cleanup.policy': 'delete' })
})

test('an existing topic keeps its partitions until more are requested', () => {
  const wide = { 'events.stage.a.dlq': 4, 'events.stage.b.dlq': 4 }
  expect(plan({ events: 4, ...wide })).toEqual(['keep events 4->4', 'keep events.stage.a.dlq 4->4', 'keep events.stage.b.dlq 4->4'])
  expect(plan({ events: 4, ...wide }, 6)).toEqual(['grow events 4->6', 'grow events.stage.a.dlq 4->6', 'grow events.stage.b.dlq 4->6'])
})

test('nothing shrinks, and a dead-letter topic that is too narrow grows', () => {
  const present = { events: 12, 'events.stage.a.dlq': 20, 'events.stage.b.dlq': 3 }
  expect(plan(present, 10)).toEqual(['keep events 12->12', 'keep events.stage.a.dlq 20->20', 'grow events.stage.b.dlq 3->12'])
})

test('a consumer with a topic of its own gets that topic too', () => {
  const own = operatorGroups([{ name: 'a' }, { name: 'b', topic: 'other' }], { topic: 'events', groupPrefix: '', groups: [] })
  expect(plannedTopics(own)).toEqual(['events', 'events.a.dlq', 'other', 'other.b.dlq'])
  expect(planTopics({ groups: own, partitions: 2, present: new Map() }).map(({ name }) => name)).toEqual(plannedTopics(own))
})
