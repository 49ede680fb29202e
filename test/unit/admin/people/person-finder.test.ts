import { expect, it } from 'vitest'
import { addressOption, onlyPerson } from '../../../../src/admin/people/person-finder.ts'

const person = { userId: 'one', campaignId: 'first', deleted: false }

it('an address of one participant names that one', () => {
  expect(onlyPerson([person])).toBe(person)
})

it('an address of nobody, or of people in several campaigns, is refused with the way out', () => {
  expect(() => onlyPerson([])).toThrow('No participant has this address')
  expect(() => onlyPerson([person, { ...person, userId: 'two', campaignId: 'second' }])).toThrow(
    '2 participants have this address: give one of --user one (campaign first), --user two (campaign second).',
  )
})

it('an address is looked for in one campaign where one is given, and what others have is named', () => {
  const other = { ...person, userId: 'two', campaignId: 'second' }
  expect(onlyPerson([person, other], 'second')).toBe(other)
  expect(() => onlyPerson([person, other], 'third')).toThrow(
    'No participant of campaign third has this address, but of others: give one of --user one (campaign first), --user two (campaign second).',
  )
})

it('text that is no address is refused and not repeated', () => {
  expect(addressOption('guest@example.com')).toBe('guest@example.com')
  expect(() => addressOption('Guest <guest@example.com>')).toThrow(
    /^--email is not a mail address: give it without a name, such as guest@example\.com\.$/,
  )
})
