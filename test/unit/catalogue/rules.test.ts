import { describe, expect, it } from 'vitest'
import { brokenRules } from '../../../src/catalogue/rules.ts'
import { listedConsumers } from '../../../src/consumers/registry.ts'
import type { EventDefinition } from '../../../src/events/catalogue/define-event.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import type { TypePattern } from '../../../src/model/consumer.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'

const good: EventDefinition = userSignedUp
const [example] = good.examples
const with_ = (changes: Partial<EventDefinition>): EventDefinition => ({ ...good, ...changes })
const schema = (properties: EventDefinition['data']['properties']) => ({
  ...good.data,
  properties: { ...good.data.properties, ...properties },
})
const broken = (...those: readonly EventDefinition[]) => brokenRules(those, [], 'domain-events')

const consumers = (topic?: string) => [
  { name: 'mailers', types: ['user.signed_up', 'reward.*'], ...(topic === undefined ? {} : { topic }) } as const,
]

/** A consumer of what the compiler may not let one say. */
const reading = (types: readonly string[]) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point of it
  brokenRules([good], [{ name: 'mailers', types: types as readonly TypePattern[] }], 'domain-events')

describe('the rules of the catalogue', () => {
  it('are kept by it, and by the consumers', () => {
    expect(brokenRules(events, listedConsumers, 'domain-events')).toEqual([])
  })

  it.each(['user.signed_up', 'email.sent', 'payment.tip.sent', 'project.access_granted', 'content.post.liked'])('%s is a name', (type) => {
    expect(broken(with_({ type, examples: good.examples }))).toEqual([])
  })

  it.each([
    ['signed_up', 'a name is entity.past_tense_verb'],
    ['User.signed_up', 'a name is entity.past_tense_verb'],
    ['a.b.c.created', 'a name is entity.past_tense_verb'],
    ['user.sign_up', '"sign_up" does not say what happened'],
    ['user.red', '"red" does not say what happened'],
  ])('%s is no name', (type, sentence) => {
    expect(broken(with_({ type }))[0]).toContain(`${type}: ${sentence}`)
  })

  it.each<[string, Partial<EventDefinition>, string]>([
    ['a summary', { summary: 'somebody came' }, 'its summary is no sentence'],
    ['an owner', { owner: { team: '', contact: 'x' } }, 'it has no owner'],
    ['a way to reach the owner', { owner: { team: 'x', contact: ' ' } }, 'it has no owner'],
    ['a release', { since: 'soon' }, 'since is "soon"'],
    ['an upcaster from each older version', { version: 3, upcasters: { 2: (data) => data } }, 'it has no upcaster from version 1'],
    ['a date of its end', { deprecated: { on: '2026-02-30', successor: null } }, 'it is deprecated on "2026-02-30"'],
    ['a successor', { deprecated: { on: '2026-02-28', successor: 'user.gone' } }, 'its successor user.gone is not in the catalogue'],
    ['an identity', { identity: [] }, 'it has no identity'],
    ['a known identity', { identity: ['nobody'] }, 'its identity has nobody'],
    ['known personal fields', { personal: ['phone'] }, 'personal names phone'],
    ['an example', { examples: [] }, 'it has no example'],
    ['a valid example', { examples: example ? [{ ...example, data: {} }] : [] }, 'its example 1 is not valid: /campaign_id breaks'],
    [
      'a complete example',
      { examples: example ? [{ ...example, data: { ...example.data, email: '' } }] : [] },
      'its example 1 is not valid: /email breaks minLength',
    ],
    [
      'a schema for what is required',
      { data: { ...good.data, required: [...good.data.required, 'phone'] } },
      '/data/required: phone is required and has no schema. Add it to the properties.',
    ],
    [
      'the same deep inside',
      { data: schema({ who: { type: 'object', properties: {}, required: ['phone'] } }) },
      '/data/properties/who/required: phone is required and has no schema. Add it to the properties.',
    ],
    ['its key', { data: { ...good.data, required: ['user_id'] } }, 'its data has no campaign_id'],
    [
      'keywords of both drafts',
      { data: schema({ tags: { type: 'array', prefixItems: [] } }) },
      '/data/properties/tags/prefixItems: schemas do without "prefixItems"',
    ],
    [
      'the same deep inside',
      { data: schema({ tags: { anyOf: [{ type: 'array', items: { $ref: '#' } }] } }) },
      '/data/properties/tags/anyOf/0/items/$ref: schemas do without',
    ],
    [
      'a default that its schema refuses',
      { data: schema({ language: { type: 'string', default: 7 } }) },
      '/data/properties/language/default is not valid itself: / breaks type.',
    ],
    [
      'a default in one case of several',
      { data: schema({ who: { anyOf: [{ type: 'string', default: 'me' }, { type: 'null' }] } }) },
      '/data/properties/who/anyOf/0/default is never filled in, because it is one case of several. Leave it out.',
    ],
    [
      'nothing but words beside the cases of a field',
      { data: schema({ who: { description: 'A name.', type: 'string', maxLength: 3, anyOf: [{ type: 'string' }, { type: 'null' }] } }) },
      '/data/properties/who: type and maxLength beside anyOf cannot be compared. Write it into each case; only title, description, default, examples may',
    ],
    [
      'fields in lower case',
      { data: schema({ firstName: { type: 'string' } }) },
      'firstName is no name of a field. Write lower-case words joined by _, each beginning with a letter.',
    ],
    [
      'fields that camel case can restore',
      { data: schema({ address_2: { type: 'string' } }) },
      'address_2 is no name of a field. Write lower-case words joined by _, each beginning with a letter.',
    ],
    [
      'a timestamp of its own',
      { data: schema({ timestamp: { type: 'string' } }) },
      "timestamp would take the place of timestamp, which every event's input has. Give the field another name.",
    ],
    [
      'one account',
      { data: schema({ account_id: { type: 'string' } }) },
      "account_id would take the place of accountId, which every event's input has. Give the field another name.",
    ],
    [
      'a format that is checked',
      { data: schema({ mail: { type: 'string', format: 'emial' } }) },
      '/data/properties/mail/format is "emial". Write one of date-time, date, ',
    ],
    [
      'types that there are',
      { data: schema({ mail: { type: 'strng' } }) },
      '/data/properties/mail/type is "strng". Write one of null, boolean, number, string, array, object, integer, or a list of them.',
    ],
    ['the same in a list', { data: schema({ mail: { type: ['null', 'strng'] } }) }, '/data/properties/mail/type is ["null","strng"].'],
    [
      'patterns that can be read',
      { data: schema({ tags: { type: 'array', items: { type: 'string', pattern: '[' } } }) },
      '/data/properties/tags/items/pattern is "[". Write a regular expression',
    ],
    ['whole lengths', { data: schema({ mail: { minLength: 0.5 } }) }, '/data/properties/mail/minLength is 0.5. Write a whole number of 0'],
    ['numbers as bounds', { data: schema({ age: { minimum: '1' } }) }, '/data/properties/age/minimum is "1". Write a number.'],
    ['values to choose from', { data: schema({ plan: { enum: [] } }) }, '/data/properties/plan/enum is []. Write a list of values.'],
    [
      'names that are required',
      { data: schema({ who: { required: 'x' } }) },
      '/data/properties/who/required is "x". Write a list of names,',
    ],
    [
      'a plain answer whether items repeat',
      { data: schema({ a: { uniqueItems: 'no' } }) },
      '/data/properties/a/uniqueItems is "no". Write',
    ],
    [
      'a key that is a uuid',
      { data: schema({ campaign_id: { type: 'string' } }) },
      'its campaign_id, which is the key of its record, is no text of the format uuid. Write uuid of src/events/catalogue/schema.ts.',
    ],
    [
      'no object in its identity',
      { identity: ['email'], data: schema({ email: { type: 'object' } }) },
      'its identity has email, which may be an object or a list: all of them would have one id. Name fields of one value.',
    ],
    [
      'no list there among cases',
      { identity: ['email'], data: schema({ email: { anyOf: [{ type: 'string' }, { type: 'array' }] } }) },
      'its identity has email, which may be an object or a list',
    ],
    ['nothing there that may be anything', { identity: ['email'], data: schema({ email: {} }) }, 'its identity has email, which may be an'],
    ['a topic that brokers take', { topic: 'no topic!' }, 'it has the topic "no topic!", which is not a topic name: letters, digits,'],
    ['a version that is counted', { version: 0 }, 'it has the version 0, which is not 1 or above.'],
    ['a whole version', { version: 1.5 }, 'it has the version 1.5, which is not 1 or above.'],
    ['a minor that is counted', { minor: -1 }, 'it has the minor -1, which is not 0 or above.'],
    ['a case where it has cases', { data: schema({ who: { anyOf: [] } }) }, '/data/properties/who/anyOf is no list of cases.'],
    ['one schema for all items', { data: schema({ tags: { items: [{ type: 'string' }] } }) }, '/data/properties/tags/items is no schema'],
  ])('an event has %s', (_, changes, sentence) => {
    const [first] = broken(with_(changes))
    expect(first).toContain(`user.signed_up: ${sentence}`)
    expect(first).toMatch(/[.)]$/)
  })

  it.each<[string, object, string]>([
    ['owner', { owner: undefined }, 'it has no owner'],
    ['contact of its owner', { owner: { team: 'x' } }, 'it has an owner without a contact'],
    ['identity', { identity: undefined }, 'it has no list identity, of names of fields'],
    ['personal', { personal: undefined }, 'it has no list personal, of names of fields'],
    ['examples', { examples: undefined }, 'it has no list examples'],
    ['data in an example', { examples: [{ ...example, data: undefined }] }, 'it has an example 1 without data'],
    ['id of an example', { examples: [{ ...example, id: undefined }] }, 'it has an example 1 without the text id'],
    ['since', { since: undefined }, 'it has no text since'],
    ['data', { data: undefined }, 'it has no schema of its data'],
    ['fields of data', { data: { type: 'object', required: [] } }, 'it has data without properties'],
    ['date', { deprecated: {} }, 'it is deprecated without a date "on"'],
    ['successor', { deprecated: { on: '2026-01-31' } }, 'it is deprecated without a successor, which may be null'],
    ['known retention', { retention: 'soon' }, 'it has the retention "soon", which is not domain or analytics or audit'],
  ])('an event without %s has that fault alone, and the others are judged', (_, changes, sentence) => {
    const other = with_({ type: 'user.erased', summary: 'gone' })
    expect(broken({ ...good, ...changes }, other)).toEqual([
      `user.signed_up: ${sentence}. src/events/catalogue/define-event.ts says what an event has.`,
      'user.erased: its summary is no sentence. Begin it with a capital letter and end it with a full stop.',
    ])
  })

  it('an event without a name is named by its place', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
    expect(broken(good, {} as EventDefinition)).toEqual([
      'event 2: it has no type. src/events/catalogue/define-event.ts says what an event has.',
    ])
  })

  it('words and a default may stand beside cases', () => {
    const who = { title: 'Who', description: 'A name.', default: null, examples: ['Ada'], anyOf: [{ type: 'string' }, { type: 'null' }] }
    expect(broken(with_({ data: schema({ who }) }))).toEqual([])
  })

  it('an event has a name of its own, and an example an id of its own', () => {
    expect(broken(good, good)).toEqual([
      'user.signed_up: two events have this name. Give one of them another.',
      expect.stringContaining('is the id of two examples. Give each its own'),
    ])
  })

  it('an event has a method of the publisher of its own', () => {
    const other = with_({ type: 'user_signed.upped', examples: example ? [{ ...example, id: `1${example.id.slice(1)}` }] : [] })
    expect(broken({ ...good, type: 'user.signed_upped' }, other)).toEqual([
      'user.signed_upped and user_signed.upped would both be published by publishUserSignedUpped. Give one of them another name.',
    ])
  })

  it('a topic has one retention', () => {
    const audit = with_({
      type: 'user.erased',
      retention: 'audit',
      examples: example ? [{ ...example, id: good.identity.length + example.id.slice(1) }] : [],
    })
    expect(broken(good, audit)).toEqual([
      'domain-events has events of the retention classes domain and audit. Give those of one class a topic of their own.',
    ])
    expect(broken(good, { ...audit, topic: 'audit-events' })).toEqual([])
  })

  it('a consumer names types, whole families, or all', () => {
    expect(reading(['*', 'user.*', 'user.signed_up'])).toEqual([])
    expect(reading(['us*', 'user*', '*.signed_up'])).toEqual(
      ['us*', 'user*', '*.signed_up'].map(
        (pattern) =>
          `consumer mailers: ${pattern} has an asterisk that is neither all of it nor its last part. Write a type, a family such as user.*, or *.`,
      ),
    )
  })

  it('a consumer handles events that exist, on the topic that it reads', () => {
    expect(brokenRules([good], consumers(), 'domain-events')).toEqual([
      'consumer mailers: reward.* matches no event of the catalogue. Add the event, or correct the name.',
    ])
    expect(brokenRules([good], consumers('audit-events'), 'domain-events')[0]).toBe(
      'consumer mailers: user.signed_up is published to domain-events, and the group reads audit-events. Name that topic.',
    )
  })
})
