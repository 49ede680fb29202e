import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventTypes } from '../../../src/events/catalogue/catalogue.ts'
import { decode, type Decoded } from '../../../src/events/decode.ts'
import { recordOf, recordOfEvent } from '../../support/log-records.ts'
import { campaignId, sampleEvent, uuid } from '../../support/sample-event.ts'

const limits = { maxBytes: 2_000 }
const good = sampleEvent('user.signed_up')
const milestone = sampleEvent('campaign.milestone_reached')

const bytes = (value: Buffer | string | null, headers: Record<string, string> = {}): Decoded => decode(recordOf(0, value, headers), limits)
const body = (value: unknown, headers: Record<string, string> = {}): Decoded => bytes(JSON.stringify(value), headers)
const twice = (name: string, ...texts: string[]) =>
  decode({ value: Buffer.from(JSON.stringify(good)), headers: { [name]: texts.map((text) => Buffer.from(text)) } }, limits)

describe('decoding', () => {
  it.each(eventTypes)('decodes a complete %s', (type) => {
    const event = sampleEvent(type, 7)
    expect(decode(recordOfEvent(0, event), limits)).toEqual({ is: 'event', event })
    expect(body(event)).toEqual({ is: 'event', event })
  })

  it('lowers ids, so that a person has one key, and nothing else', () => {
    const data = {
      ...good.data,
      user_id: good.data.user_id.toUpperCase(),
      email: 'Person@Example.com',
      campaign_id: campaignId.toUpperCase(),
    }
    const shouted = { ...good, id: good.id.toUpperCase(), account_id: good.account_id.toUpperCase(), campaign_id: campaignId, data }
    expect(body(shouted)).toEqual({ is: 'event', event: { ...good, data: { ...good.data, email: 'Person@Example.com' } } })
    const named = { ...milestone, data: { ...milestone.data, milestone: '1000_Participants' } }
    expect(body(named)).toMatchObject({ event: { data: { milestone: '1000_Participants' } } })
  })

  it('accepts unknown fields: the publisher may be newer', () => {
    expect(body({ ...good, source: 'app', data: { ...good.data, locale: 'en' } })).toMatchObject({ is: 'event' })
  })

  it('reports a well-formed event of a type outside the catalogue as unknown', () => {
    expect(body({ ...good, type: 'user.renamed', data: {} })).toEqual({ is: 'unknown-type' })
    expect(body({ ...good, type: 'constructor' }, { 'event-type': 'constructor' })).toEqual({ is: 'unknown-type' })
  })

  it('keeps unknown fields unchanged, whatever their name and value', () => {
    const data = { ...good.data, other_id: { toString: 1 }, order_id: null, session_id: 'Abc' }
    expect(body({ ...good, data })).toEqual({ is: 'event', event: { ...good, data } })
  })

  it('accepts a repeated header whose values are both correct, and ignores an empty one', () => {
    for (const name of ['event-type', 'ce_type']) expect(twice(name, good.type, good.type)).toMatchObject({ is: 'event' })
    expect(twice('event-version', '1', '1')).toMatchObject({ is: 'event' })
    expect(body(good, { 'event-type': '', 'event-version': '' })).toMatchObject({ is: 'event' })
    expect(body(good, { 'event-type': '', ce_type: 'user.verified' })).toMatchObject({ reason: 'type-mismatch' })
  })

  it.each<[string, () => Decoded, string]>([
    ['a second type in the headers', () => twice('event-type', good.type, 'user.verified'), 'type-mismatch'],
    ['a second version', () => twice('event-version', '1', '2'), 'unsupported-version'],
    ['a newer version, said twice', () => twice('event-version', '2', '2'), 'unsupported-version'],
    ['no value', () => bytes(null), 'not-json'],
    ['an empty value', () => bytes(''), 'not-json'],
    ['a value that is too large', () => bytes('x'.repeat(2_001)), 'too-large'],
    ['a value that was too large to be held', () => decode({ value: null, headers: {}, omittedBytes: 2_001 }, limits), 'too-large'],
    ['too many brackets', () => bytes('['.repeat(33)), 'too-deep'],
    ['bytes that are no text', () => bytes(Buffer.from([0x22, 0xff, 0x22])), 'not-utf8'],
    ['half a JSON', () => bytes('{"id":'), 'not-json'],
    ['a byte order mark', () => bytes(`\uFEFF${JSON.stringify(good)}`), 'not-json'],
    ['a JSON null', () => bytes('null'), 'not-an-envelope'],
    ['a list', () => body([good]), 'not-an-envelope'],
    ['an invalid id', () => body({ ...good, id: 'mine' }), 'not-an-envelope'],
    ['no account', () => body({ ...good, account_id: undefined }), 'not-an-envelope'],
    ['an invalid timestamp', () => body({ ...good, timestamp: 'yesterday' }), 'not-an-envelope'],
    ['data that is a list', () => body({ ...good, data: [] }), 'not-an-envelope'],
    ['no data', () => body({ ...good, data: null }), 'not-an-envelope'],
    ['a leap second, which no Date holds', () => body({ ...good, timestamp: '2016-12-31T23:59:60Z' }), 'not-an-envelope'],
    ['a time zone with a name', () => body({ ...good, timestamp: '2030-01-01T00:00:00Z[Europe/Paris]' }), 'not-an-envelope'],
    ['a time before the year 1', () => body({ ...good, timestamp: '0001-01-01T00:00:00+00:01' }), 'not-an-envelope'],
    ['a time after the year 9999', () => body({ ...good, timestamp: '9999-12-31T23:59:59-00:01' }), 'not-an-envelope'],
    ['another type in the header', () => body(good, { 'event-type': 'user.verified' }), 'type-mismatch'],
    ['another type in CloudEvents words', () => body(good, { ce_type: 'user.verified' }), 'type-mismatch'],
    ['a newer version', () => body(good, { 'event-version': '2' }), 'unsupported-version'],
    ['an invalid version', () => body(good, { 'event-version': 'one' }), 'unsupported-version'],
    ['a missing user', () => body({ ...good, data: { campaign_id: campaignId, email: 'a@example.com' } }), 'invalid-data'],
    ['an invalid user id', () => body({ ...good, data: { ...good.data, user_id: 'x' } }), 'invalid-data'],
    ['an empty milestone', () => body({ ...milestone, data: { ...milestone.data, milestone: '' } }), 'invalid-data'],
    ['half a participant', () => body({ ...milestone, data: { ...milestone.data, participant_count: 1.5 } }), 'invalid-data'],
    ['data about another campaign', () => body({ ...good, data: { ...good.data, campaign_id: uuid('c', 2) } }), 'invalid-data'],
  ])('refuses %s', (_, look, reason) => {
    const result = look()
    const envelope = { id: expect.stringMatching(/^[0-9a-f-]{36}$/), type: expect.any(String), campaignId }
    expect(result.is === 'fault' ? result.envelope : null).toEqual(reason === 'invalid-data' ? envelope : undefined)
    expect(result).toMatchObject({ is: 'fault', reason })
    expect(result.is === 'fault' && result.detail !== '').toBe(true)
  })

  it('names the faulty fields, never their values', () => {
    const result = body({ ...good, data: { ...good.data, user_id: 'person@example.com', email: 7 } })
    expect(result).toMatchObject({ detail: expect.stringMatching(/\/user_id breaks format.*\/email breaks type/) })
    expect(JSON.stringify(result)).not.toContain('example.com')
  })

  it('never throws, whatever the bytes and headers', () => {
    const headers = fc.dictionary(fc.constantFrom('event-type', 'event-version', 'ce_type'), fc.string())
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), headers, (value, named) => {
        expect(['fault', 'unknown-type']).toContain(bytes(Buffer.from(value), named).is)
      }),
    )
  })

  it('never throws on a modified event, and accepts only what the catalogue allows', () => {
    const change = fc.record({ at: fc.constantFrom('id', 'type', 'account_id', 'campaign_id', 'data', 'timestamp'), to: fc.jsonValue() })
    const inData = fc.record({ at: fc.constantFrom('user_id', 'campaign_id', 'email', '__proto__', 'extra'), to: fc.jsonValue() })
    fc.assert(
      fc.property(fc.option(change, { nil: undefined }), inData, (outer, inner) => {
        const data = { ...good.data, [inner.at]: inner.to }
        const event = { ...good, data, ...(outer === undefined ? {} : { [outer.at]: outer.to }) }
        const result = body(event)
        if (result.is !== 'event') return
        expect(typeof result.event.data.campaign_id).toBe('string')
        expect(result.event.campaign_id).toBe(campaignId)
        expect(Number.isNaN(new Date(result.event.timestamp).getTime())).toBe(false)
      }),
      { numRuns: 300 },
    )
  })
})
