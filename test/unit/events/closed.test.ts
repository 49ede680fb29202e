import { expect, it } from 'vitest'
import { schemaFault } from '../../../src/events/catalogue/catalogue.ts'
import { closed } from '../../../src/events/catalogue/closed.ts'
import { object, string } from '../../../src/events/catalogue/schema.ts'

const place = object({ city: string }, { zip: string })
const written = closed(
  object({ place }, { places: { type: 'array', items: place }, free: { type: 'object' }, last: { anyOf: [place, { type: 'null' }] } }),
)
const town = { city: 'Berlin' }

it.each([
  ['what the schema names', { place: { ...town, zip: '10115' }, places: [town, town], last: town }],
  ['an object whose schema names no field', { place: town, free: { anything: 1 } }],
  ['another case', { place: town, last: null }],
])('a writer may write %s', (_, value) => {
  expect(schemaFault(written, value)).toBeNull()
})

it.each([
  ['at the top', { place: town, plcae: 1 }, '/ breaks additionalProperties: plcae'],
  ['in an object', { place: { ...town, zpi: '10115', street: '' } }, '/place breaks additionalProperties: zpi,street'],
  ['in a list', { place: town, places: [town, { ...town, zpi: '' }] }, '/places/1 breaks additionalProperties: zpi'],
  ['in a case', { place: town, last: { ...town, zpi: '' } }, '/last breaks additionalProperties: zpi'],
])('a field that nobody knows is refused %s', (_, value, fault) => {
  expect(schemaFault(written, value)).toContain(fault)
})

it('a reader takes all of them', () => {
  expect(schemaFault(object({ place }), { place: { ...town, zpi: '' }, plcae: 1 })).toBeNull()
})
