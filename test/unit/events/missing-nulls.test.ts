import { describe, expect, it } from 'vitest'
import { knownEventsOf } from '../../../src/events/catalogue/catalogue.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { withoutNullsOf } from '../../../src/events/catalogue/missing-nulls.ts'
import { object, string, uuid } from '../../../src/events/catalogue/schema.ts'
import { decoderOf } from '../../../src/events/decode.ts'
import { framed } from '../../../src/events/framed-value.ts'
import { sampleEvent } from '../../support/sample-event.ts'

describe('a field that is null and may be missing', () => {
  it.each<[string, object, unknown, unknown]>([
    ['is left out', object({}, { x: string }), { x: null }, {}],
    ['stays where it has a value, and beside unknown ones', object({}, { x: string }), { x: 'a', y: null }, { x: 'a', y: null }],
    ['stays where it must be there', object({ x: string }, { y: string }), { x: null, y: null }, { x: null }],
    ['stays where null is a type of it', object({}, { x: { type: ['string', 'null'] }, y: string }), { x: null, y: null }, { x: null }],
    ['stays where null is a case of it', object({}, { x: { anyOf: [string, { type: 'null' }] }, y: string }), { x: null }, { x: null }],
    ['stays where null is listed', object({}, { x: { enum: ['a', null] }, y: string }), { x: null }, { x: null }],
    ['stays where null is the only value', object({}, { x: { const: null }, y: string }), { x: null }, { x: null }],
    ['stays where anything is allowed', object({}, { x: {}, y: string }), { x: null }, { x: null }],
    ['is left out of lists of objects', { type: 'array', items: object({}, { x: string }) }, [{ x: null }, 1], [{}, 1]],
    ['is left out within objects', object({ in: object({}, { x: string }) }), { in: { x: null } }, { in: {} }],
  ])('%s', (_, schema, value, left) => {
    const before = structuredClone(value)
    expect(withoutNullsOf(schema)?.(value)).toEqual(left)
    expect(value).toEqual(before)
  })

  it('is looked for only where there can be one', () => {
    expect(withoutNullsOf(object({ x: string, y: { type: 'array', items: uuid } }))).toBeNull()
  })

  it('counts as missing in Avro, and is a fault in JSON', () => {
    const [first] = events
    const decode = decoderOf(knownEventsOf([{ ...first, data: object(first.data.properties, { nickname: string }) }]))
    const event = sampleEvent('user.signed_up')
    const value = { ...event, data: { ...event.data, nickname: null } }
    const schemas = new Map([[7, () => ({ value, isAvro: true as const })]])
    const headers = { 'event-type': Buffer.from(event.type) }
    expect(decode({ value: framed(7, Buffer.alloc(0)), headers }, { maxBytes: 1_000 }, schemas)).toEqual({ is: 'event', event })
    expect(decode({ value: Buffer.from(JSON.stringify(value)), headers }, { maxBytes: 1_000 })).toMatchObject({
      reason: 'invalid-data',
      detail: '/nickname breaks type',
    })
  })
})
