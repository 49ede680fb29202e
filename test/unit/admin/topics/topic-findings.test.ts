import { expect, test } from 'vitest'
import type { TopicState } from '../../../../src/admin/topics/topic-admin.ts'
import { topicFindings } from '../../../../src/admin/topics/topic-findings.ts'
import { planTopics } from '../../../../src/admin/topics/topic-plan.ts'
import { topicState } from '../../../support/topic-state.ts'

const catalogue = [{ name: 'events', retention: 'domain', keys: ['campaign_id'] }] as const
const groups = [{ id: 'a', topic: 'events' }]
const month = { 'retention.ms': '2592000000' }
const quarter = { 'retention.ms': '7776000000' }
const letters = topicState(4, quarter)

/** What is found about the topic, about its dead-letter topic and about brokers: kinds and sentences. */
function found(
  events: TopicState,
  { dlq = letters, partitions = null as number | null, replicas = null as number | null, brokers = [] as readonly number[] } = {},
) {
  const wanted = { catalogue, groups, partitions, replicas }
  const present = new Map([
    ['events', events],
    ['events.a.dlq', dlq],
  ])
  const findings = topicFindings({ steps: planTopics(wanted, present), wanted, present }, brokers)
  return findings.map(({ topic, is, sentence }) => ({ topic, is, sentence }))
}

test('nothing is found where the topics are as they are wanted', () => {
  expect(found(topicState(4, month), { partitions: 4, replicas: 3 })).toEqual([])
})

test('more partitions than wanted name the way out, which is not to remove them', () => {
  expect(found(topicState(4, month), { partitions: 2 })).toEqual([
    {
      topic: 'events',
      is: 'partitions',
      sentence: 'events has 4 partitions, and 2 are wanted. Partitions cannot be removed: set KAFKA_TOPIC_PARTITIONS to 4.',
    },
  ])
})

test.each([
  ['-1', 'forever'],
  ['5184000000', 'for 60 days'],
])('a retention of %s is longer than the class asks, and is reported though apply leaves it', (ms, words) => {
  const [finding, ...others] = found(topicState(4, { 'retention.ms': ms }))
  expect(others).toEqual([])
  expect(finding).toMatchObject({ topic: 'events', is: 'retention' })
  expect(finding?.sentence).toMatch(
    new RegExp(`^events keeps records ${words}, and its events are of a class that is kept for 30 days\\. Shorten`),
  )
})

test('a limit of size is reported; a compacted topic has neither that nor a retention', () => {
  expect(found(topicState(4, { ...month, 'retention.bytes': '5000' }))).toEqual([
    {
      topic: 'events',
      is: 'size-limit',
      sentence:
        'events deletes records once a partition is larger than 5000 bytes (retention.bytes), however young they are. Remove the limit: npm run workerctl -- topics apply',
    },
  ])
  const compacted = topicState(4, { 'cleanup.policy': 'compact', 'retention.ms': '1000', 'retention.bytes': '5000' })
  expect(found(compacted).map(({ is }) => is)).toEqual(['compaction'])
})

test('dead letters may be kept for longer than 90 days, and not for less', () => {
  expect(found(topicState(4, month), { dlq: topicState(4, { 'retention.ms': '-1' }) })).toEqual([])
  expect(found(topicState(4, month), { dlq: topicState(4, month) })).toMatchObject([{ topic: 'events.a.dlq', is: 'retention' }])
})

test('a partition with too few replicas in sync is not one that has too few replicas', () => {
  const state = topicState(2, { ...month, 'min.insync.replicas': '2' })
  const away = { ...state, partitions: [{ partition: 0, replicas: 3, inSync: 1 }, ...state.partitions.slice(1)] }
  expect(found(away, { dlq: letters })).toMatchObject([
    { is: 'below-min-insync', sentence: expect.stringContaining('in partition 0: writes are refused there') },
  ])
  expect(found(topicState(2, { ...month, 'min.insync.replicas': '2' }, 1))).toMatchObject([
    { is: 'fewer-replicas-than-min-insync', sentence: expect.stringContaining('than min.insync.replicas (2) in partitions 0, 1,') },
  ])
})
