import { describe, expect, it } from 'vitest'
import type { Catalogue } from '../../../src/catalogue/diff.ts'
import { brokenPromises } from '../../../src/catalogue/promises.ts'
import type { EventDefinition } from '../../../src/events/catalogue/define-event.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'

const signedUp: EventDefinition = userSignedUp
const catalogue = (version: string, ...events: readonly EventDefinition[]): Catalogue => ({ version, events })
const withFields = (properties: object, changes: Partial<EventDefinition> = {}): EventDefinition => ({
  ...signedUp,
  data: { ...signedUp.data, properties: { ...signedUp.data.properties, ...properties } },
  ...changes,
})
const text = { type: 'string' }
const released = catalogue('1.0.0', signedUp)

describe('a catalogue keeps its promises', () => {
  it('when it is what was released, and when it has more than that', () => {
    expect(brokenPromises(released, [released])).toEqual([])
    const joined = { ...signedUp, type: 'user.joined', since: '1.1.0' }
    expect(brokenPromises(catalogue('1.1.0', withFields({ phone: text }, { minor: 1 }), joined), [released])).toEqual([])
  })

  it('towards something', () => {
    expect(brokenPromises(released, [])).toEqual([
      'No catalogue is released yet, so that nothing says what has to stay. Release it: npm run catalogue -- release',
    ])
  })

  it('towards the last release, each with its way out', () => {
    expect(brokenPromises(catalogue('1.1.0', { ...signedUp, topic: 'people' }), [released])).toEqual([
      'user.signed_up is published to people in place of the default topic: groups that read the old one miss it: breaks an old reader. Keep the topic, or add an event of another name that is published there.',
    ])
    expect(brokenPromises(catalogue('1.1.0'), [released])).toEqual([
      'user.signed_up is removed, and was not deprecated in the release before: breaks an old reader. Keep it, deprecate it in this release, and remove it in a later one.',
    ])
  })

  it('towards earlier releases, whose records of the same version are still there', () => {
    const withText = catalogue('1.0.0', withFields({ phone: text }, { minor: 1 }))
    const without = catalogue('1.1.0', { ...signedUp, minor: 1 })
    const withNumber = withFields({ phone: { type: 'integer' } }, { minor: 2 })
    const broken = brokenPromises(catalogue('1.2.0', withNumber), [withText, without])
    expect(broken).toEqual([
      expect.stringMatching(
        /^user\.signed_up \/phone may be string, which is not integer: breaks an old record\. Such as .* Release 1\.0\.0 has it so\. Allow/,
      ),
      expect.stringMatching(
        /^user\.signed_up \/phone may be integer, which is not string: breaks an old reader\. Such as .* Release 1\.0\.0 has it so\. Allow/,
      ),
    ])
    expect(brokenPromises(catalogue('1.2.0', { ...withNumber, version: 2 }), [withText, without])).toEqual([])
  })

  it('towards earlier releases of an event that was deprecated and is removed: none', () => {
    const deprecated = catalogue('1.1.0', { ...signedUp, deprecated: { on: '2026-06-30', successor: null } })
    expect(brokenPromises(catalogue('1.2.0'), [released, deprecated])).toEqual([])
  })

  it('once, whichever releases say the same', () => {
    const again = catalogue('1.1.0', signedUp)
    expect(brokenPromises(catalogue('1.2.0', { ...signedUp, identity: ['email'] }), [released, again])).toHaveLength(1)
  })
})

describe('the numbers of a catalogue', () => {
  it.each<[string, Catalogue, readonly Catalogue[], string]>([
    [
      'one release twice',
      catalogue('1.0.0', { ...signedUp, summary: 'Somebody came.' }),
      [released],
      '1.0.0 is released already and is different from the catalogue as it is. Raise catalogueVersion in src/events/catalogue/version.ts.',
    ],
    [
      'a release after a later one',
      catalogue('1.9.0', signedUp),
      [released, catalogue('1.10.0', signedUp)],
      'The catalogue is 1.9.0, and 1.10.0 is released already. Raise catalogueVersion in src/events/catalogue/version.ts.',
    ],
    [
      'an event of a later release',
      catalogue('1.9.0', signedUp, { ...signedUp, type: 'user.joined', since: '1.10.0' }),
      [released],
      'user.joined: since is 1.10.0, and the catalogue is 1.9.0. Raise catalogueVersion in src/events/catalogue/version.ts.',
    ],
    [
      'a field that raises no minor number',
      catalogue('1.1.0', withFields({ phone: text })),
      [released],
      'user.signed_up has /phone in addition, in version 1.0 as before. Raise its minor to 1.',
    ],
    [
      'the same deep inside, against a release before the last',
      catalogue('1.2.0', withFields({ person: { type: 'object', properties: { name: text, age: text } } }, { minor: 1 })),
      [
        catalogue('1.0.0', withFields({ person: { type: 'object', properties: { name: text } } }, { minor: 1 })),
        catalogue('1.1.0', withFields({ person: { type: 'object', properties: { name: text, age: text } } }, { minor: 1 })),
      ],
      'user.signed_up has /person/age in addition, in version 1.1 as before. Raise its minor to 2.',
    ],
  ])('do not allow %s', (_, current, releases, sentence) => {
    expect(brokenPromises(current, releases)).toEqual([sentence])
  })
})
