import { describe, expect, it } from 'vitest'
import { eventTypesModule, typeOf } from '../../../cmd/package/event-types.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'

describe('the types of the package', () => {
  it.each([
    [{ type: 'string', format: 'uuid' }, 'string'],
    [{ type: 'integer', minimum: 0 }, 'number'],
    [{ type: ['string', 'null'] }, 'string | null'],
    [{ const: 'a' }, '"a"'],
    [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
    [{ anyOf: [{ type: 'string' }, { type: 'boolean' }] }, '(string) | (boolean)'],
    [{ type: 'array', items: { enum: ['a', 'b'] } }, '("a" | "b")[]'],
    [
      { type: 'object', required: ['a'], properties: { a: { type: 'number' }, 'b-c': { type: 'string', description: 'Text.' } } },
      '{ "a": number; /** Text. */ "b-c"?: string }',
    ],
  ])('%o is written as %s', (schema, type) => {
    expect(typeOf(schema)).toBe(type)
  })

  it('refuse a schema that they cannot write', () => {
    expect(() => typeOf({ $ref: '#/x' })).toThrow('event-types.ts does not know')
  })

  it('say of an event what it is, and that it is deprecated', () => {
    const deprecated = { on: '2026-05-01', successor: 'user.joined' }
    expect(eventTypesModule([{ ...userSignedUp, deprecated }])).toBe(`export interface EventData {
  /**
   * A person joined the waitlist of a campaign.
   * @deprecated since 2026-05-01; use user.joined
   */
  "user.signed_up": { "user_id": string; "campaign_id": string; "email": string }
}

export type EventType = keyof EventData
`)
  })
})
