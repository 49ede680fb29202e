import { CloudEvent, Kafka } from 'cloudevents'
import { describe, expect, it, test } from 'vitest'
import { eventTypes } from '../../../src/events/catalogue/catalogue.ts'
import { decode } from '../../../src/events/decode.ts'
import { sampleEvent } from '../../support/sample-event.ts'

const limits = { maxBytes: 100_000 }
const decoded = (value: unknown, headers: Readonly<Record<string, unknown>> = {}) =>
  decode(
    {
      value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(String(text))])),
    },
    limits,
  )
const cloudEvent = ({ id, type, timestamp, account_id, data }: ReturnType<typeof sampleEvent>, more: object = {}) =>
  new CloudEvent({
    id,
    type,
    source: '/waitlist',
    time: timestamp,
    data,
    accountid: account_id,
    datacontenttype: 'application/json',
    ...more,
  })

/** As the services that publish it declare it; the compiler holds the events below to it. */
interface BusinessEvent<T> {
  id: string
  type: string
  source: string
  aggregateId: string
  aggregateType: string
  data: T
  metadata: { correlationId?: string; causationId?: string; userId?: string; timestamp: Date; version: string }
}

describe.each(eventTypes)('%s', (type) => {
  const event = sampleEvent(type)
  const own = { is: 'event', event }
  // In structured mode the SDK writes milliseconds.
  const expected = { is: 'event', event: { ...event, timestamp: new Date(event.timestamp).toISOString() } }

  it('is read as a CloudEvent in binary mode, as the SDK of CloudEvents writes it', () => {
    const { headers, value } = Kafka.binary(cloudEvent(event))
    expect(headers).toMatchObject({ ce_specversion: '1.0', ce_type: type })
    expect(decoded(value, headers)).toEqual(own)
  })

  it('is read as a CloudEvent in structured mode', () => {
    const { headers, value } = Kafka.structured(cloudEvent(event))
    expect(decoded(value, headers)).toEqual(expected)
  })

  it('is read as a CloudEvent whose data is encoded', () => {
    const { data, ...rest } = cloudEvent(event).toJSON()
    expect(decoded({ ...rest, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') })).toEqual(expected)
  })

  it('is read as a BusinessEvent, by the names that it has there', () => {
    const { campaign_id: _, ...data } = event.data
    const camelCased = Object.fromEntries(
      Object.entries(data).map(([name, value]) => [name.replaceAll(/_([a-z])/g, (__, letter: string) => letter.toUpperCase()), value]),
    )
    const { id, timestamp, account_id: accountId, campaign_id: aggregateId } = event
    const value: BusinessEvent<object> = {
      id,
      type,
      source: 'waitlist',
      aggregateId,
      aggregateType: 'campaign',
      data: { ...camelCased, accountId },
      metadata: { timestamp: new Date(timestamp), version: '1.0.0' },
    }
    expect(decoded(value)).toEqual(expected)
  })
})

const event = sampleEvent('user.signed_up')

function binary(more: object): [unknown, Readonly<Record<string, string>>] {
  const { headers, value } = Kafka.binary(cloudEvent(event, more))
  return [value, Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]))]
}

function businessEvent(metadata: object): object {
  const { id, type, timestamp, account_id: accountId, campaign_id: campaignId, data } = event
  return { id, type, data: { userId: data.user_id, campaignId, email: data.email }, metadata: { timestamp, accountId, ...metadata } }
}

test('an own envelope with the headers of a CloudEvent is read as our own', () => {
  expect(decoded(event, { ce_specversion: '1.0', ce_id: 'another', ce_type: event.type })).toEqual({ is: 'event', event })
})

test.each<[string, unknown, Readonly<Record<string, string>>, string]>([
  ['another CloudEvents', { ...cloudEvent(event).toJSON(), specversion: '0.3' }, {}, 'as a structured CloudEvent: specversion is not 1.0'],
  ['one without source', { ...cloudEvent(event).toJSON(), source: '' }, {}, 'as a structured CloudEvent: source is missing'],
  [
    'encoded data that is not JSON',
    { specversion: '1.0', data_base64: 'AAAA' },
    {},
    'as a structured CloudEvent: data_base64: the value is not JSON',
  ],
  [
    'encoded data that nests deeply',
    { specversion: '1.0', data_base64: Buffer.from('['.repeat(40) + ']'.repeat(40)).toString('base64') },
    {},
    'as a structured CloudEvent: data_base64: nests deeper than 32',
  ],
  [
    'encoded data that is not UTF-8',
    { specversion: '1.0', data_base64: Buffer.from([0x22, 0xff, 0x22]).toString('base64') },
    {},
    'as a structured CloudEvent: data_base64: the value is not UTF-8',
  ],
  ['no account', { ...cloudEvent(event).toJSON(), accountid: undefined }, {}, '/ breaks required: account_id'],
  [
    'binary without source',
    event.data,
    { ce_specversion: '1.0', ce_id: event.id, ce_type: event.type },
    'as a binary CloudEvent: source is missing',
  ],
  ['no envelope', { hello: 'world' }, {}, '/ breaks required: id,type,account_id,campaign_id,data,timestamp'],
  ['a list', [event], {}, '/ breaks type'],
  [
    'metadata without a time',
    { id: event.id, type: event.type, data: event.data, metadata: {} },
    {},
    '/ breaks required: account_id,timestamp',
  ],
])('%s is no envelope', (_, value, headers, detail) => {
  expect(decoded(value, headers)).toMatchObject({ is: 'fault', reason: 'not-an-envelope', detail })
})

test('attributes that occur twice are refused, in whatever form', () => {
  const twice = { ce_specversion: Buffer.from('1.0'), ce_id: [Buffer.from('a'), Buffer.from('b')] }
  expect(decode({ value: Buffer.from('{}'), headers: twice }, limits)).toMatchObject({
    detail: 'as a binary CloudEvent: ce_id occurs twice',
  })
})

test.each<[string, unknown, Readonly<Record<string, string>>]>([
  ['an own envelope by its header', event, { 'correlation-id': 'request 7' }],
  ['a structured CloudEvent by its attribute', cloudEvent(event, { correlationid: 'request 7' }).toJSON(), { 'correlation-id': 'other' }],
  ['a structured CloudEvent by the header', cloudEvent(event).toJSON(), { 'correlation-id': 'request 7' }],
  ['a binary CloudEvent by its header', ...binary({ correlationid: 'request 7' })],
  ['a BusinessEvent by its metadata', businessEvent({ correlationId: 'request 7' }), {}],
])('the correlation id comes to %s', (_, value, headers) => {
  expect(decoded(value, headers)).toMatchObject({ is: 'event', event: { correlation_id: 'request 7' } })
})

test.each<[string, unknown, Readonly<Record<string, string>>]>([
  ['in the value of an own envelope', { ...event, correlation_id: 'request 7' }, {}],
  ['that holds an address', event, { 'correlation-id': 'ada@example.com' }],
  ['of two lines', event, { 'correlation-id': 'a\nb' }],
  ['that is too long', event, { 'correlation-id': 'a'.repeat(201) }],
  ['that is no text', businessEvent({ correlationId: 7 }), {}],
])('a correlation id %s is left out, and the event is read', (_, value, headers) => {
  expect(decoded(value, headers)).toEqual({ is: 'event', event })
})

const invalid = { ...event, data: {} }

test.each<[string, unknown, Readonly<Record<string, string>>]>([
  ['an own envelope', invalid, { 'correlation-id': 'request 7' }],
  ['a structured CloudEvent', { ...cloudEvent(event, { correlationid: 'request 7' }).toJSON(), data: {} }, {}],
  ['a BusinessEvent', { ...businessEvent({ correlationId: 'request 7' }), data: {} }, {}],
])('the correlation id of %s that is not valid is known too', (_, value, headers) => {
  expect(decoded(value, headers)).toMatchObject({ is: 'fault', correlationId: 'request 7' })
})

test.each<[string, unknown]>([
  ['fields of an own envelope', { account_id: 7, data: {} }],
  ['a field of a structured one', { specversion: 2 }],
])('the headers of a binary CloudEvent decide, although its data has %s', (_, data) => {
  const headers = { ce_specversion: '1.0', ce_id: '7', ce_source: '/shop', ce_type: 'order.placed' }
  expect(decoded(data, headers)).toEqual({ is: 'unknown-type' })
})

test.each<[string, unknown, Readonly<Record<string, string>>]>([
  ['a structured CloudEvent', { specversion: '1.0', id: '7', source: '/shop', type: 'order.placed', data: {} }, {}],
  ['a binary CloudEvent', {}, { ce_specversion: '1.0', ce_id: '7', ce_source: '/shop', ce_type: 'order.placed' }],
  ['a BusinessEvent', { id: '7', type: 'order.placed', source: 'shop', data: {}, metadata: { timestamp: 'then' } }, {}],
])('%s of another team, which lacks what ours have, is skipped by its type', (_, value, headers) => {
  expect(decoded(value, headers)).toEqual({ is: 'unknown-type' })
})

test('versions come from eventversion and from metadata', () => {
  expect(decoded({ ...cloudEvent(event).toJSON(), eventversion: null })).toMatchObject({ is: 'event' })
  expect(decoded({ ...cloudEvent(event).toJSON(), eventversion: '2' })).toMatchObject({ is: 'fault', reason: 'unsupported-version' })
  expect(decoded({ ...cloudEvent(event).toJSON(), eventversion: '1.4' })).toMatchObject({ is: 'event' })
})
