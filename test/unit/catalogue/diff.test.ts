import { describe, expect, it } from 'vitest'
import { changesBetween, inWords, type Catalogue } from '../../../src/catalogue/diff.ts'
import type { EventDefinition } from '../../../src/events/catalogue/define-event.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'

const signedUp: EventDefinition = userSignedUp
const catalogue = (...events: readonly EventDefinition[]): Catalogue => ({ version: '1.0.0', events })
const data = (properties: object, required = signedUp.data.required) => ({
  ...signedUp.data,
  properties: { ...signedUp.data.properties, ...properties },
  required,
})
const words = (changes: Partial<EventDefinition>, old: EventDefinition = signedUp) =>
  changesBetween(catalogue(old), catalogue({ ...old, ...changes })).map(inWords)
const phone = { phone: { type: 'string' } }

const withDefault = (language: string): EventDefinition => ({
  ...signedUp,
  data: data({ people: { type: 'array', items: { type: 'object', properties: { language: { type: 'string', default: language } } } } }),
})

describe('the difference of two catalogues', () => {
  it('is nothing between equal ones', () => {
    expect(changesBetween(catalogue(signedUp), catalogue({ ...signedUp, summary: 'Somebody came.' }))).toEqual([])
  })

  it.each<[string, Partial<EventDefinition>, string]>([
    ['a new field', { data: data(phone) }, 'user.signed_up /phone is new.'],
    [
      'an owner',
      { owner: { team: 'growth', contact: 'growth@example.com' } },
      'user.signed_up belongs to growth (growth@example.com) in place of waitlist.',
    ],
    ['a retention', { retention: 'audit' }, 'user.signed_up is kept as audit in place of domain.'],
    [
      'an end',
      { deprecated: { on: '2026-06-30', successor: 'user.joined' } },
      'user.signed_up is deprecated on 2026-06-30, in favour of user.joined.',
    ],
    [
      'an end alone',
      { deprecated: { on: '2026-06-30', successor: null } },
      'user.signed_up is deprecated on 2026-06-30, without a successor.',
    ],
    ['what is personal', { personal: ['user_id'] }, 'user.signed_up holds personal data in user_id.'],
    [
      'a version',
      { version: 2 },
      'user.signed_up is version 2; records of version 1 need an upcaster, and new ones are dead letters in daemons that know no version above 1: deploy the workers first.',
    ],
    [
      'a default of a field that had none',
      { data: data({ email: { ...signedUp.data.properties['email'], default: 'a@example.com' } }) },
      'user.signed_up /email has the default "a@example.com" in place of no default: old records that lack it are read differently.',
    ],
    [
      'words',
      { data: data({ email: { ...signedUp.data.properties['email'], description: 'Where the mails go.' } }) },
      'user.signed_up /email is described otherwise, and allows the same.',
    ],
  ])('says %s, which breaks nobody', (_, changes, sentence) => {
    expect(words(changes)[0]).toBe(sentence)
  })

  it.each<[string, Partial<EventDefinition>, RegExp]>([
    [
      'a required field',
      { data: data(phone, [...signedUp.data.required, 'phone']) },
      /^user\.signed_up \/phone is not written, and is required: breaks an old record\. Such as \{"user_id":.*\}\.$/,
    ],
    [
      'a field that is gone',
      { data: { ...signedUp.data, required: ['user_id', 'campaign_id'] } },
      /^user\.signed_up \/email may be missing, and is required: breaks an old reader\. Such as \{/,
    ],
    [
      'a shorter text',
      { data: data({ email: { type: 'string', minLength: 1, maxLength: 10 } }) },
      /^user\.signed_up \/email may have 1000 characters, and 10 are the most: breaks an old record/,
    ],
    ['another identity', { identity: ['email'] }, /would be a new event: breaks an old record\.$/],
    ['another topic', { topic: 'people' }, /groups that read the old one miss it: breaks an old reader\.$/],
    ['an older version', { version: 0 }, /goes back from version 1 to 0: breaks an old record\.$/],
  ])('says whom %s breaks, with a record', (_, changes, sentence) => {
    expect(words(changes)[0]).toMatch(sentence)
  })

  it('names a default that is another one, at any depth, and nothing else of its field', () => {
    expect(words(withDefault('de'), withDefault('en'))).toEqual([
      'user.signed_up /people/*/language has the default "de" in place of the default "en": old records that lack it are read differently.',
    ])
  })

  it('says that no record was found where none was', () => {
    const old: EventDefinition = { ...signedUp, data: data({ phone: { type: 'string', pattern: '^[^q]*$' } }) }
    expect(words({ data: data({ phone: { type: 'string', pattern: '^[^Q]*$' } }) }, old)[0]).toBe(
      'user.signed_up /phone pattern is "^[^q]*$", and has to be "^[^Q]*$": breaks an old record. No record that shows it was found, nor is it proven that there is none.',
    )
  })

  it.each<[string, Partial<EventDefinition>, string]>([
    ['an identity', { identity: ['email'] }, 'Keep the identity, which no version can change, or add an event of another name.'],
    ['a topic', { topic: 'people' }, 'Keep the topic, or add an event of another name that is published there.'],
    ['a key', { key: 'user_id' }, 'Keep the key, or add an event of another name.'],
    ['an older version', { version: 0 }, 'Raise the version above 1 in place of that.'],
    [
      'a required field',
      { data: data(phone, [...signedUp.data.required, 'phone']) },
      'Make it optional or give it a default, or raise the version of the event.',
    ],
    ['a field that may be missing', { data: data({}, ['user_id', 'campaign_id']) }, 'Go on writing it, or raise the version of the event.'],
    [
      'a longer text',
      { data: data({ email: { type: 'string', minLength: 1 } }) },
      'Allow no more than before, or raise the version of the event.',
    ],
    [
      'a shorter text',
      { data: data({ email: { type: 'string', minLength: 1, maxLength: 10 } }) },
      'Allow what was allowed before, or raise the version of the event.',
    ],
  ])('has a way out of its own for %s', (_, changes, wayOut) => {
    expect(changesBetween(catalogue(signedUp), catalogue({ ...signedUp, ...changes })).map((change) => change.wayOut)).toEqual([wayOut])
  })

  it('has new events, and removed ones, which have to be deprecated before', () => {
    const joined = { ...signedUp, type: 'user.joined', summary: 'A person came.' }
    expect(changesBetween(catalogue(signedUp), catalogue(joined)).map(inWords)).toEqual([
      'user.joined is new: A person came.',
      'user.signed_up is removed, and was not deprecated in the release before: breaks an old reader.',
    ])
    const old = { ...signedUp, deprecated: { on: '2026-06-30', successor: null } }
    expect(changesBetween(catalogue(old), catalogue()).map(inWords)).toEqual([
      'user.signed_up is removed; it was deprecated on 2026-06-30.',
    ])
    expect(changesBetween(catalogue(old), catalogue(signedUp)).map(inWords)).toEqual(['user.signed_up is no longer deprecated.'])
  })
})
