import { describe, expect, it } from 'vitest'
import { registerEvents, type WritableRegistry } from '../../../src/catalogue/registration.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { object } from '../../../src/events/catalogue/schema.ts'
import { OperatorError } from '../../../src/std/failure.ts'

/** A registry in memory that takes what `isCompatible` allows. */
function registryOf(isCompatible = true) {
  const subjects = new Map<string, string[]>()
  const registry: WritableRegistry = {
    async idOf(subject, schema) {
      const at = subjects.get(subject)?.indexOf(schema) ?? -1
      return at === -1 ? null : at + 1
    },
    wouldTake: async (subject) => (subjects.has(subject) ? isCompatible : null),
    async register(subject, schema) {
      if (subjects.has(subject) && !isCompatible) throw new OperatorError('refused')
      subjects.set(subject, [...(subjects.get(subject) ?? []), schema])
      return subjects.get(subject)?.length ?? 0
    },
  }
  return { registry, subjects }
}
const [first, second] = events
const two = [first, second]
const changed = { ...first, data: object({ ...first.data.properties, more: { type: 'string' } }) }

describe('registering events', () => {
  it('registers each under its name, once', async () => {
    const { registry, subjects } = registryOf()
    expect(await registerEvents(two, registry, { dryRun: false })).toEqual([
      { is: 'registered', sentence: 'user.signed_up is registered as 1.' },
      { is: 'registered', sentence: 'user.verified is registered as 1.' },
    ])
    expect(await registerEvents(two, registry, { dryRun: false })).toEqual([
      { is: 'there', sentence: 'user.signed_up is registered already, as 1.' },
      { is: 'there', sentence: 'user.verified is registered already, as 1.' },
    ])
    expect([...subjects].map(([subject, schemas]) => [subject, schemas.length])).toEqual([
      ['user.signed_up', 1],
      ['user.verified', 1],
    ])
  })

  it.each([
    [true, 'next', 'user.signed_up would be registered as its next version.'],
    [false, 'refused', 'user.signed_up would be refused: the registry finds it incompatible with the versions that it has.'],
  ])('says before what would happen, and changes nothing: compatible %s', async (isCompatible, is, sentence) => {
    const { registry, subjects } = registryOf(isCompatible)
    await registerEvents([first], registry, { dryRun: false })
    expect(await registerEvents([changed, second], registry, { dryRun: true })).toEqual([
      { is, sentence },
      { is: 'new', sentence: 'user.verified would be registered as a new subject.' },
    ])
    expect([...subjects.values()].flat()).toHaveLength(1)
  })

  it('registers nothing when an event has no form in Avro, and names it', async () => {
    const { registry, subjects } = registryOf()
    const strange = { ...second, data: object({ ...second.data.properties, anything: {} }) }
    await expect(registerEvents([first, strange], registry, { dryRun: false })).rejects.toThrow(
      new OperatorError('user.verified has no form in Avro: /data/anything may be anything. Change its schema, or publish it in JSON.'),
    )
    expect(subjects.size).toBe(0)
  })
})
