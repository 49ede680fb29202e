import { expect, it } from 'vitest'
import { editedCopy } from '../../../../src/admin/dead-letters/edited-copy.ts'
import { shownRecord } from '../../../../src/admin/records/shown-record.ts'
import { previewOf, previewSentences } from '../../../../src/admin/dead-letters/replay-preview.ts'
import { listedConsumers } from '../../../../src/consumers/registry.ts'
import type { AcceptedEvent } from '../../../../src/ingest/accept-store.ts'
import { createTypeFilter } from '../../../../src/ingest/type-filter.ts'
import { recordOf } from '../../../support/log-records.ts'
import { sampleEvent } from '../../../support/sample-event.ts'

const event = sampleEvent('user.signed_up')

it('names the rule and the value at each field that breaks one, with personal values masked unless they are revealed', () => {
  const broken = { ...event, data: { ...event.data, user_id: 'nobody', email: '' } }
  const record = recordOf(0, JSON.stringify(broken))
  expect(shownRecord(record, { reveal: false }).errors).toEqual([
    { field: '/data/user_id', rule: 'format', value: '"nobody"' },
    { field: '/data/email', rule: 'minLength', value: '"***"' },
  ])
  expect(shownRecord(record, { reveal: true }).errors).toContainEqual({ field: '/data/email', rule: 'minLength', value: '""' })
})

it('names a field that is missing, in the envelope or in data', () => {
  const { account_id: _, ...envelope } = event
  expect(shownRecord(recordOf(0, JSON.stringify(envelope)), { reveal: false }).errors).toEqual([
    { field: '/account_id', rule: 'required', value: null },
  ])
  const { email: __, ...data } = event.data
  expect(shownRecord(recordOf(0, JSON.stringify({ ...event, data })), { reveal: false }).errors).toEqual([
    { field: '/data/email', rule: 'required', value: null },
  ])
})

it('shows headers that are known, and of others, of strange keys and of values that are not JSON only how long they are', () => {
  const headers = { 'event-type': 'user.signed_up', 'x-customer': 'Ada', 'correlation-id': 'ada@example.com' }
  const shown = shownRecord({ ...recordOf(0, 'Ada wrote {', headers), key: Buffer.from('ada@example.com') }, { reveal: false })
  expect(shown).toMatchObject({
    key: '***',
    headers: { 'event-type': 'user.signed_up', 'x-customer': '(3 bytes)', 'correlation-id': '(15 bytes)' },
    value: '(11 bytes that cannot be parsed)',
  })
  expect(shownRecord(recordOf(0, 'Ada wrote {', headers), { reveal: true })).toMatchObject({ headers, value: 'Ada wrote {' })
})

it('an edited copy keeps where it was from, not what its headers said of its value, and is refused where the group could not accept it', () => {
  const [consumer] = listedConsumers
  if (consumer === undefined) throw new Error('there is no consumer')
  const reader = { consumer, filter: createTypeFilter(consumer.types), maxEventBytes: 10_000, dedupeHorizon: () => 0 }
  const original = recordOf(7, '{', { 'event-type': 'x', 'event-version': '9', 'correlation-id': 'one' })
  const copy = editedCopy(JSON.stringify(event), original, reader)
  expect(copy).toMatchObject({ offset: 7n, timestamp: original.timestamp, key: original.key })
  expect(Object.entries(copy.headers).map(([name, value]) => [name, String(value)])).toEqual([
    ['correlation-id', 'one'],
    ['event-type', 'user.signed_up'],
    ['event-id', event.id],
  ])
  expect(() => editedCopy('{', original, reader)).toThrow('would fail as not-json (the value is not JSON)')
  expect(() => editedCopy(JSON.stringify(sampleEvent('referral.created')), original, reader)).toThrow(
    'does not handle its type (referral.created)',
  )
})

const accepted = (userId: string): AcceptedEvent => ({
  offset: 0n,
  eventId: event.id,
  type: event.type,
  at: new Date(0),
  contentHash: Buffer.alloc(0),
  drafts: [{ kind: 'mail', version: 1, channel: 'email', key: 'k', campaignId: 'c', userId, data: {} }],
})

it('a preview counts outcomes, failures, kinds of intents and people', () => {
  const failure = { reason: 'invalid-data', detail: '/data/email breaks minLength', eventId: null, type: null } as const
  const preview = previewOf(
    [
      { is: 'resolved', outcome: 'accepted', event: accepted('a') },
      { is: 'resolved', outcome: 'accepted', event: accepted('a') },
      { is: 'resolved', outcome: 'repeated', event: accepted('b') },
      { is: 'failed', failure },
      { is: 'failed', failure },
    ],
    [{ label: 'mail', as: 'send', reason: null, userId: 'a', channel: 'email', mails: null, subject: 'Hello' }],
  )
  expect(previewSentences(preview)).toEqual([
    '5 dead letters would be replayed:',
    '  2 would be accepted.',
    '  1 handled already under the same id: nothing would happen.',
    '  2 would fail again as invalid-data: /data/email breaks minLength.',
    'Intents: 2 mail, about 1 person.',
    '  1 mail to 1 person would be sent: "Hello" (1).',
  ])
})
