import { describe, expect, it } from 'vitest'
import { catalogue, envelopeFault, eventTypes, isEventType, knownEvents } from '../../../src/events/catalogue/catalogue.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { envelopeOf } from '../../../src/catalogue/asyncapi.ts'

describe('the catalogue', () => {
  it('has each listed event under its type', () => {
    expect(Object.entries(catalogue)).toEqual(events.map((event) => [event.type, event]))
    expect(eventTypes).toEqual(events.map(({ type }) => type))
  })

  it.each(['toString', '__proto__', 'user.*', ''])('does not accept %j as a type', (type) => {
    expect(isEventType(type)).toBe(false)
  })

  it.each(events)('accepts a complete $type and names each missing field', (event) => {
    const { type, examples, data } = event
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      expect(envelopeFault(envelopeOf(event, example))).toBeNull()
      expect(knownEvents.dataFault(type, example.data)).toBeNull()
      for (const field of data.required) {
        const without = Object.fromEntries(Object.entries(example.data).filter(([name]) => name !== field))
        expect(knownEvents.dataFault(type, without)).toBe(`/ breaks required: ${field}`)
      }
    }
  })
})
