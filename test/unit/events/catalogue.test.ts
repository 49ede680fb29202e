import { describe, expect, it } from 'vitest'
import { catalogue, envelopeFault, eventTypes, isEventType, knownEvents, knownEventsOf } from '../../../src/events/catalogue/catalogue.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { OperatorError } from '../../../src/std/failure.ts'
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

  it('is read at the first record or on demand, so that a program that names a broken schema starts', () => {
    const [event] = events
    const broken = knownEventsOf([{ ...event, data: { ...event.data, properties: { email: { type: 'string', pattern: '[' } } } }])
    const reading = () => {
      broken.compile()
    }
    expect(reading).toThrow(OperatorError)
    expect(reading).toThrow(/^The schema of user\.signed_up cannot be read: .*Find the place: npm run catalogue -- check$/)
    expect(() => broken.dataFault('user.signed_up', {})).toThrow(OperatorError)
    expect(broken.dataFault('user.erased', {})).toBe('type user.erased is not in the catalogue')
    expect(() => {
      knownEvents.compile()
    }).not.toThrow()
  })
})
