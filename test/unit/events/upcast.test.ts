import { expect, test } from 'vitest'
import type { EventDefinition } from '../../../src/events/catalogue/define-event.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'
import { upcast, versionText } from '../../../src/events/upcast.ts'
import { sampleEvent } from '../../support/sample-event.ts'

const event = sampleEvent('user.signed_up')
/** Version 2 called `email` what version 1 called `mail`; version 3 has it in lower case. */
const definition: EventDefinition = {
  ...userSignedUp,
  version: 3,
  minor: 1,
  upcasters: {
    1: ({ mail, ...data }) => ({ ...data, email: mail }),
    2: ({ email, ...data }) => ({ ...data, email: String(email).toLowerCase() }),
  },
}
const read = (data: object, ...versions: readonly string[]) => upcast({ ...event, data: { ...event.data, ...data } }, versions, definition)

test('one that names no version is of version 1', () => {
  expect(read({ email: undefined, mail: 'ADA@example.com' })).toMatchObject({ data: { email: 'ada@example.com' } })
  expect(upcast(event, [], userSignedUp)).toBe(event)
})

test('an older version is read step by step as the current one', () => {
  expect(read({ email: undefined, mail: 'ADA@example.com' }, '1')).toMatchObject({ data: { email: 'ada@example.com' } })
  expect(read({ email: 'ADA@example.com' }, '2.7')).toMatchObject({ data: { email: 'ada@example.com' } })
})

test.each([['3'], ['3.0'], ['3.1'], ['3.99'], ['3.1.4'], ['3', '3']])('version %s is read as it is', (...versions) => {
  expect(read({ added: 1 }, ...versions)).toMatchObject({ data: { email: event.data.email, added: 1 } })
})

test.each([
  [['4'], 'this process knows user.signed_up up to version 3'],
  [['4.1'], 'this process knows user.signed_up up to version 3'],
  [['one'], 'what it names is no version such as 1 or 1.2'],
  [['0'], 'what it names is no version such as 1 or 1.2'],
  [['-1'], 'what it names is no version such as 1 or 1.2'],
  [['1e3'], 'what it names is no version such as 1 or 1.2'],
  [['99999999999999999999'], 'what it names is no version such as 1 or 1.2'],
  [[''], 'what it names is no version such as 1 or 1.2'],
  [['3', '2'], 'it names several versions'],
])('version %s is refused: %s', (versions, sentence) => {
  expect(read({}, ...versions)).toBe(sentence)
})

const throwing = () => {
  throw new Error('ada@example.com')
}

test('a version without an upcaster, and one that its upcaster cannot read, are refused without their data', () => {
  expect(upcast(event, ['1'], { ...definition, upcasters: {} })).toBe('this process no longer reads version 1 of user.signed_up')
  expect(upcast(event, ['2'], { ...definition, upcasters: { 2: throwing } })).toBe('version 2 of user.signed_up cannot be read as 3')
})

test('minor versions are written only where there are any', () => {
  expect(versionText({ version: 1 })).toBe('1')
  expect(versionText({ version: 1, minor: 0 })).toBe('1')
  expect(versionText({ version: 2, minor: 3 })).toBe('2.3')
})
