import { expect, it } from 'vitest'
import type { Catalogue } from '../../../src/catalogue/diff.ts'
import { Rehearsal } from '../../../src/catalogue/rehearsal.ts'
import type { EventDefinition } from '../../../src/events/catalogue/define-event.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { object, string } from '../../../src/events/catalogue/schema.ts'
import type { LogRecord } from '../../../src/ingest/record-source.ts'
import { sampleEvent } from '../../support/sample-event.ts'

const today: Catalogue = { version: '1.0.0', events }

/** The catalogue with one event changed, or without it. */
function candidate(type: string, change: Partial<EventDefinition> | null): Catalogue {
  const changed = events.flatMap((event): EventDefinition[] => {
    if (event.type !== type) return [event]
    return change === null ? [] : [{ ...event, ...change }]
  })
  return { version: '2.0.0', events: changed }
}

function record(offset: number, value: unknown, headers: Readonly<Record<string, string>> = {}): LogRecord {
  const bytes = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]))
  return { offset: BigInt(offset), timestamp: 0, key: null, value: Buffer.from(JSON.stringify(value)), headers: bytes }
}

function rehearsed(change: Catalogue, records: readonly LogRecord[], letters: readonly LogRecord[] = []) {
  const rehearsal = new Rehearsal(today, change, { maxBytes: 10_000 })
  for (const one of records) rehearsal.addRecord({ topic: 'domain-events', partition: 3 }, one)
  for (const one of letters) rehearsal.addDeadLetter(one)
  return rehearsal.report()
}

const signedUp = sampleEvent('user.signed_up')
const named = object({ user_id: string, campaign_id: string, email: string, name: string })

it('a field that becomes required breaks the records without it, by version and producer, the most frequent first', () => {
  const versions = [record(0, signedUp, { 'event-version': '1', producer: 'form' }), record(1, signedUp), record(2, signedUp)]
  const complete = record(3, { ...signedUp, data: { ...signedUp.data, name: 'Ada' } })
  const because = 'invalid-data: / breaks required: name'
  expect(rehearsed(candidate('user.signed_up', { data: named }), [...versions, complete, record(4, sampleEvent('user.verified'))])).toEqual(
    {
      records: 5,
      deadLetters: 0,
      fates: [
        { is: 'breaks', type: 'user.signed_up', version: 'unknown', producer: 'unknown', because, count: 2, first: 'domain-events/3/1' },
        { is: 'breaks', type: 'user.signed_up', version: '1', producer: 'form', because, count: 1, first: 'domain-events/3/0' },
      ],
    },
  )
})

it('a field that becomes required with a default breaks no record without it', () => {
  const language = { type: 'string', minLength: 2, default: 'en' }
  const data = object({ user_id: string, campaign_id: string, email: string, language })
  expect(rehearsed(candidate('user.signed_up', { data }), [record(0, signedUp)]).fates).toEqual([])
  const without = { type: 'string', minLength: 2 }
  const strict = object({ user_id: string, campaign_id: string, email: string, language: without })
  expect(rehearsed(candidate('user.signed_up', { data: strict }), [record(0, signedUp)]).fates).toMatchObject([{ is: 'breaks' }])
})

it('an event that is removed breaks, because its records would be skipped', () => {
  const { fates } = rehearsed(candidate('user.signed_up', null), [record(0, signedUp)])
  expect(fates).toMatchObject([{ is: 'breaks', type: 'user.signed_up', because: 'not in the catalogue' }])
})

it('a version that is raised breaks the old records where no upcaster reads them, and none where one does', () => {
  const old = record(0, signedUp, { 'event-version': '1' })
  expect(rehearsed(candidate('user.signed_up', { version: 2 }), [old]).fates).toMatchObject([
    { version: '1', because: 'unsupported-version: this process no longer reads version 1 of user.signed_up' },
  ])
  const upcasters = { 1: (data: Readonly<Record<string, unknown>>) => ({ ...data, name: 'unknown' }) }
  expect(rehearsed(candidate('user.signed_up', { version: 2, data: named, upcasters }), [old]).fates).toEqual([])
})

it('what breaks today and what the candidate reads alike are nobody’s break', () => {
  const broken = record(0, { ...signedUp, data: {} })
  expect(rehearsed(candidate('user.signed_up', { data: named }), [broken]).fates).toEqual([])
  expect(rehearsed(candidate('user.verified', { minor: 1 }), [record(0, signedUp)]).fates).toEqual([])
})

it('a dead letter is healed by a candidate that reads it, once for all groups that gave it up', () => {
  const without = { ...signedUp, data: { user_id: signedUp.data.user_id, campaign_id: signedUp.data.campaign_id } }
  const letter = (reason: string, offset: number) =>
    record(0, without, {
      'dlq-error-code': reason,
      'dlq-reason': '/ breaks required: email',
      'dlq-original-topic': 'domain-events',
      'dlq-original-partition': '3',
      'dlq-original-offset': String(offset),
    })
  const data = object({ user_id: string, campaign_id: string }, { email: string })
  const letters = [letter('invalid-data', 7), letter('invalid-data', 7), letter('consumer-error', 8)]
  expect(rehearsed(candidate('user.signed_up', { data }), [], letters)).toEqual({
    records: 0,
    deadLetters: 1,
    fates: [
      {
        is: 'heals',
        type: 'user.signed_up',
        version: 'unknown',
        producer: 'unknown',
        because: 'invalid-data: / breaks required: email',
        count: 1,
        first: 'domain-events/3/7',
      },
    ],
  })
  expect(rehearsed(candidate('user.verified', { minor: 1 }), [], letters).fates).toEqual([])
})

it.each([
  ['a CloudEvent in binary mode', {}, { ce_type: 'user.signed_up', ce_source: '/waitlist', ce_eventversion: '2' }],
  ['a structured one', { type: 'user.signed_up', source: '/waitlist', eventversion: '2' }, {}],
  ['a BusinessEvent', { type: 'user.signed_up', source: '/waitlist', metadata: { version: '2' } }, {}],
])('%s names its type, version and producer', (_, value, headers) => {
  const letter = record(0, { ...signedUp, ...value }, { ...headers, 'event-type': 'user.signed_up', 'dlq-error-code': 'invalid-data' })
  expect(rehearsed(today, [], [letter]).fates).toMatchObject([{ type: 'user.signed_up', version: '2', producer: '/waitlist' }])
})

it('an address that stands where a producer or a version belongs is not repeated', () => {
  const address = 'ada@example.com'
  const records = [
    record(0, signedUp, { producer: address }),
    record(1, signedUp, { ce_source: `mailto:${address}`, ce_eventversion: address }),
  ]
  const { fates } = rehearsed(candidate('user.signed_up', { data: named }), records)
  expect(fates.map(({ producer }) => producer)).toEqual(['***', '***'])
  expect(JSON.stringify(fates)).not.toContain('ada')
})
