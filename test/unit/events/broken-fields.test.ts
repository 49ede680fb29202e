import { expect, it } from 'vitest'
import { brokenFields } from '../../../src/events/broken-fields.ts'
import { rulesOfSchema } from '../../../src/events/catalogue/catalogue.ts'
import { closed } from '../../../src/events/catalogue/closed.ts'
import { object, string } from '../../../src/events/catalogue/schema.ts'

const item = object({ unit_price: { type: 'number' } }, { address_line_2: string })
const order = closed(object({ order_id: string, line_items: { type: 'array', items: item } }, { address_line_2: string }))
const right = { order_id: '1', line_items: [] }

it.each([
  ['a field', { ...right, order_id: 1 }, ['orderId breaks type']],
  ['a name with a digit', { ...right, address_line_2: 1 }, ['addressLine2 breaks type']],
  ['fields that are missing', {}, ['orderId breaks required', 'lineItems breaks required']],
  ['a field within a field', { ...right, line_items: [{ unit_price: 'x' }] }, ['lineItems/0/unit_price breaks type']],
  [
    'one that is missing within a field',
    { ...right, line_items: [{ unit_price: 1 }, { address_line_2: 'x' }] },
    ['lineItems/1/unit_price breaks required'],
  ],
  [
    'one that nobody knows within a field',
    { ...right, line_items: [{ unit_price: 1, 'unit/price': 2, address_line_2: 3 }] },
    ['lineItems/0/unit/price breaks additionalProperties', 'lineItems/0/address_line_2 breaks type'],
  ],
])('names %s as the input has it: only fields of the event itself are in camel case', (_, value, faults) => {
  const named = brokenFields(rulesOfSchema(order, value)).map(({ path, rule }) => `${path} ${rule}`)
  expect([...new Set(named)]).toEqual(faults)
})

it('names the first eight of many at least', () => {
  const items = Array.from({ length: 20 }, () => ({}))
  expect(brokenFields(rulesOfSchema(order, { ...right, line_items: items }))).toHaveLength(8)
})
