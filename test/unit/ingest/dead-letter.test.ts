import { describe, expect, it } from 'vitest'
import { deadLetterHeaders, deadLetterTopic, type DeadLetter } from '../../../src/ingest/dead-letter.ts'
import { recordOf } from '../../support/log-records.ts'

const letter: DeadLetter = {
  record: recordOf(42, 'value', { 'event-type': 'user.signed_up', traceparent: 'as it came' }),
  topic: 'domain-events',
  partition: 3,
  group: 'staging.email-workers',
  reason: 'invalid-data',
  detail: '/email breaks type',
  eventId: null,
  attempts: 2,
  firstFailedAt: new Date('2030-01-01T00:00:00Z'),
  lastFailedAt: new Date('2030-01-01T00:00:01Z'),
}

describe('a dead letter', () => {
  it('goes to the topic of its group', () => {
    expect(deadLetterTopic('domain-events', 'staging.email-workers')).toBe('domain-events.staging.email-workers.dlq')
  })

  it('has headers that say where it came from, why and when', () => {
    const headers = deadLetterHeaders(letter)
    expect(Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))).toEqual({
      'event-type': 'user.signed_up',
      traceparent: 'as it came',
      'dlq-schema-version': '1',
      'dlq-original-topic': 'domain-events',
      'dlq-original-partition': '3',
      'dlq-original-offset': '42',
      'dlq-original-timestamp': String(letter.record.timestamp),
      'dlq-consumer-group': 'staging.email-workers',
      'dlq-attempts': '2',
      'dlq-error-code': 'invalid-data',
      'dlq-reason': '/email breaks type',
      'dlq-first-failed-at': '2030-01-01T00:00:00.000Z',
      'dlq-last-failed-at': '2030-01-01T00:00:01.000Z',
      'dlq-replay-count': '0',
    })
  })

  it('keeps the headers of the record unchanged, repeated ones too, and cannot be given forged headers of ours', () => {
    const twice = [Buffer.from('a'), Buffer.from('b')]
    const headers = deadLetterHeaders({
      ...letter,
      record: { ...letter.record, headers: { tag: twice, 'dlq-reason': Buffer.from('forged') } },
    })
    expect(headers['tag']).toBe(twice)
    expect(String(headers['dlq-reason'])).toBe('/email breaks type')
  })
})
