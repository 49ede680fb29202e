import { expect, test } from 'vitest'
import { retentionMs } from '../../../src/catalogue/event-retention.ts'
import { contradictions, eventTopics, keptFor, settingFaults, topicSettings } from '../../../src/catalogue/event-topics.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'

test('events that name no topic are on the default one, with the key of their records', () => {
  const unnamed = events.filter((event) => !('topic' in event))
  expect(eventTopics(unnamed, 'stage-events')).toEqual([{ name: 'stage-events', retention: 'domain', keys: ['campaign_id'] }])
})

test('each topic has the class of its events; the longest, where a default topic is that of others as well', () => {
  const orders = { ...userSignedUp, type: 'order.placed', topic: 'orders', retention: 'analytics', key: 'account_id' } as const
  const audits = { ...userSignedUp, type: 'login.refused', topic: 'logins', retention: 'audit' } as const
  expect(eventTopics([userSignedUp, orders, audits], 'domain-events')).toEqual([
    { name: 'domain-events', retention: 'domain', keys: ['campaign_id'] },
    { name: 'orders', retention: 'analytics', keys: ['account_id'] },
    { name: 'logins', retention: 'audit', keys: ['campaign_id'] },
  ])
  expect(eventTopics([userSignedUp, orders], 'orders')).toEqual([
    { name: 'orders', retention: 'analytics', keys: ['campaign_id', 'account_id'] },
  ])
})

test.each(['domain', 'analytics', 'audit'] as const)('a topic of the class %s with its own settings contradicts nothing', (retention) => {
  const config = new Map(Object.entries(topicSettings(retentionMs[retention])))
  expect(settingFaults(retentionMs[retention], config)).toEqual([])
  expect(contradictions({ name: 'events', retention, keys: ['campaign_id'] }, config)).toEqual([])
})

test('an audit topic with an end contradicts the catalogue', () => {
  const config = new Map([['retention.ms', '604800000']])
  expect(contradictions({ name: 'audit', retention: 'audit', keys: ['account_id'] }, config)).toEqual([
    'it keeps events for 7 days, and those of the class audit are kept forever',
  ])
})

test('the limits of a topic have no effect unless its policy names delete', () => {
  const limits = { 'retention.ms': '1000', 'retention.bytes': '5000' }
  const withPolicy = (policy: string) => new Map(Object.entries({ ...limits, 'cleanup.policy': policy }))
  expect(['delete', 'compact,delete', 'compact', ''].map((policy) => keptFor(withPolicy(policy)))).toEqual([1000, 1000, -1, -1])
  expect(settingFaults(1000, withPolicy('delete')).map(({ setting }) => setting)).toEqual(['retention.bytes'])
  expect(settingFaults(1000, withPolicy('compact')).map(({ setting }) => setting)).toEqual(['cleanup.policy'])
})
