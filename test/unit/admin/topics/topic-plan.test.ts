import { expect, test } from 'vitest'
import { operatorGroups } from '../../../../src/admin/operator-group.ts'
import { plannedTopics, planTopics } from '../../../../src/admin/topics/topic-plan.ts'
import { topicState } from '../../../support/topic-state.ts'

const groups = operatorGroups([{ name: 'a' }, { name: 'b' }], { topic: 'events', groupPrefix: 'stage.', groups: [] })
const catalogue = [{ name: 'events', retention: 'domain', keys: ['campaign_id'] }] as const
const days = (count: number) => ({ 'retention.ms': String(count * 86_400_000) })
/** As the catalogue wants it, but for the partitions. */
const good = (partitions: number, of: 'events' | 'dead-letters') => topicState(partitions, of === 'events' ? days(30) : days(90))

function plan(present: Record<string, number>, partitions: number | null = null) {
  const states = Object.entries(present).map(
    ([name, count]) => [name, good(count, name.endsWith('.dlq') ? 'dead-letters' : 'events')] as const,
  )
  return planTopics({ catalogue, groups, partitions, replicas: null }, new Map(states)).map(
    ({ name, action, from, partitions, movesKeys }) => `${action} ${name} ${from}->${partitions}${movesKeys ? ' moves keys' : ''}`,
  )
}

const sixWanted = (present: number) =>
  planTopics({ catalogue, groups: [], partitions: 6, replicas: null }, new Map([['events', good(present, 'events')]]))[0]?.sentences

test('on an empty cluster the topic gets ten partitions and each group a dead-letter topic as wide', () => {
  expect(plan({})).toEqual(['create events 0->10', 'create events.stage.a.dlq 0->10', 'create events.stage.b.dlq 0->10'])
  expect(plannedTopics({ catalogue, groups })).toEqual(['events', 'events.stage.a.dlq', 'events.stage.b.dlq'])
})

test('new topics keep events as long as their class asks and dead letters for 90 days, and are never compacted', () => {
  const [topic, letters] = planTopics({ catalogue, groups, partitions: null, replicas: null }, new Map())
  expect(topic).toMatchObject({ config: { 'retention.ms': '2592000000', 'cleanup.policy': 'delete', 'retention.bytes': '-1' } })
  expect(topic?.sentences).toEqual([
    "Create events with 10 partitions, the brokers' default of replicas and retention.ms 2592000000 (30 days).",
  ])
  expect(letters?.config).toEqual({ 'retention.ms': '7776000000', 'cleanup.policy': 'delete', 'retention.bytes': '-1' })
})

test('an existing topic keeps its partitions until more are requested; keys move only in a topic of events', () => {
  const wide = { 'events.stage.a.dlq': 4, 'events.stage.b.dlq': 4 }
  expect(plan({ events: 4, ...wide })).toEqual(['keep events 4->4', 'keep events.stage.a.dlq 4->4', 'keep events.stage.b.dlq 4->4'])
  expect(plan({ events: 4, ...wide }, 6)).toEqual([
    'grow events 4->6 moves keys',
    'grow events.stage.a.dlq 4->6',
    'grow events.stage.b.dlq 4->6',
  ])
})

test('nothing shrinks, and a dead-letter topic that is too narrow grows', () => {
  const present = { events: 12, 'events.stage.a.dlq': 20, 'events.stage.b.dlq': 3 }
  expect(plan(present, 10)).toEqual(['keep events 12->12', 'keep events.stage.a.dlq 20->20', 'grow events.stage.b.dlq 3->12'])
})

test.each([
  ['a shorter retention', days(7), ['Change retention.ms of events from 604800000 (7 days) to 2592000000 (30 days).'], days(30)],
  ['a longer one, which is left', days(60), [], {}],
  ['one without end, which is left', { 'retention.ms': '-1' }, [], {}],
  [
    'compaction alone, by which retention.ms and retention.bytes had no effect',
    { 'cleanup.policy': 'compact', 'retention.bytes': '1073741824', ...days(7) },
    [
      'Change cleanup.policy of events from compact to delete, retention.ms to -1 and retention.bytes to -1, because compaction keeps only the last record of each key; no record is deleted. To delete those older than 30 days later, set retention.ms to 2592000000 by kafka-configs.sh.',
    ],
    { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
  ],
  [
    'a limit of size',
    { 'retention.bytes': '1073741824', ...days(60) },
    ['Change retention.bytes of events from 1073741824 to -1, because a limit of size deletes records however young they are.'],
    { 'retention.bytes': '-1' },
  ],
  [
    'compaction beside deletion, and a shorter retention',
    { 'cleanup.policy': 'compact,delete', ...days(1) },
    [
      'Change cleanup.policy of events from compact,delete to delete, because compaction keeps only the last record of each key.',
      'Change retention.ms of events from 86400000 (1 day) to 2592000000 (30 days).',
    ],
    { 'cleanup.policy': 'delete', ...days(30) },
  ],
])('the settings of an existing topic: %s', (_, settings, sentences, config) => {
  const [step] = planTopics({ catalogue, groups: [], partitions: null, replicas: null }, new Map([['events', topicState(4, settings)]]))
  expect(step).toMatchObject({ action: sentences.length === 0 ? 'keep' : 'alter', sentences, config })
})

test('a topic of the class audit keeps its events forever', () => {
  const wanted = {
    catalogue: [{ name: 'audit', retention: 'audit', keys: ['account_id'] }],
    groups: [],
    partitions: null,
    replicas: null,
  } as const
  expect(planTopics(wanted, new Map([['audit', topicState(1, days(3650))]]))[0]?.sentences).toEqual([
    'Change retention.ms of audit from 315360000000 (3650 days) to -1 (forever).',
  ])
  expect(planTopics(wanted, new Map([['audit', topicState(1, { 'retention.ms': '-1' })]]))[0]?.action).toBe('keep')
})

test('an increase names the key that moves, and a topic with more partitions than wanted says so', () => {
  expect(sixWanted(4)).toEqual([
    'Raise events from 4 to 6 partitions, only with --allow-partition-change: later events of a campaign_id may lie in another partition than earlier ones, so let the workers catch up first.',
  ])
  expect(sixWanted(8)).toEqual(['Keep events at 8 partitions: 6 are wanted, and partitions cannot be removed.'])
})

test('a new topic says its replicas, and one with others than wanted says so and is left', () => {
  const replicated = { catalogue, groups: operatorGroups([{ name: 'a' }], { topic: 'events', groupPrefix: '', groups: [] }), partitions: 2 }
  const sentences = (replicas: number | null, present = new Map([['events', good(2, 'events')]])) =>
    planTopics({ ...replicated, replicas }, present).flatMap((step) => step.sentences)
  expect(sentences(3, new Map())).toEqual([
    'Create events with 2 partitions, 3 replicas of each and retention.ms 2592000000 (30 days).',
    'Create events.a.dlq with 2 partitions, 3 replicas of each and retention.ms 7776000000 (90 days).',
  ])
  const both = new Map([
    ['events', good(2, 'events')],
    ['events.a.dlq', good(2, 'dead-letters')],
  ])
  expect(sentences(5, both)).toEqual(
    ['events', 'events.a.dlq'].map(
      (name) => `Keep the replicas of ${name}: partitions have 3, and 5 are wanted, which kafka-reassign-partitions.sh changes.`,
    ),
  )
  expect(sentences(3, both)).toEqual([])
  expect(planTopics({ ...replicated, replicas: 5 }, both).map(({ action }) => action)).toEqual(['keep', 'keep'])
})

test('a consumer with a topic of its own gets that topic too, and so does a topic that only events name', () => {
  const own = operatorGroups([{ name: 'a' }, { name: 'b', topic: 'other' }], { topic: 'events', groupPrefix: '', groups: [] })
  const all = { catalogue: [...catalogue, { name: 'orders', retention: 'analytics', keys: ['campaign_id'] } as const], groups: own }
  expect(plannedTopics(all)).toEqual(['events', 'events.a.dlq', 'orders', 'other', 'other.b.dlq'])
  const steps = planTopics({ ...all, partitions: 2, replicas: null }, new Map())
  expect(steps.map(({ name }) => name)).toEqual(plannedTopics(all))
  expect(steps.map(({ config }) => config['retention.ms'])).toEqual(['2592000000', '7776000000', '31536000000', undefined, '7776000000'])
})
