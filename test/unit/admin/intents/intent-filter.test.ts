import { describe, expect, it } from 'vitest'
import { intentFilter, requireKnownNames, requireSelection, uuidOf } from '../../../../src/admin/intents/intent-filter.ts'

const groups = [{ name: 'email-workers', id: 'stage.email-workers', topic: 'domain-events', enabled: true }]
const uuid = '7A4B1D0E-52C7-4F0A-9A53-0A6D2F6B8C11'
const OTHER = '7c1f0f3e-64a0-4c1f-9d0b-2d1f2a4b5c6d'

describe('a filter of intents', () => {
  it('reads lists, names groups by their ids, and ids in lower case', () => {
    const filter = intentFilter(
      { state: 'held, dead', reason: 'a,b', destination: `${uuid},${OTHER}`, group: 'email-workers', user: uuid },
      ['7', '7', '8'],
      groups,
    )
    expect(filter).toMatchObject({
      ids: ['7', '8'],
      states: ['held', 'dead'],
      reasons: ['a', 'b'],
      destinations: [uuid.toLowerCase(), OTHER],
      groups: ['stage.email-workers'],
      userId: uuid.toLowerCase(),
      eventId: null,
    })
    expect(() => requireSelection(filter)).not.toThrow()
  })

  it.each([
    ['an id', () => intentFilter({}, ['1', '2x'], groups), '"2x" is not the id of an intent'],
    ['a state', () => intentFilter({ state: 'open' }, [], groups), 'There is no state "open": give one of pending, claimed,'],
    ['a group', () => intentFilter({ group: 'sales' }, [], groups), 'There is no group "sales": give one of stage.email-workers.'],
    ['a campaign', () => intentFilter({ campaign: 'x' }, [], groups), '--campaign must be a UUID'],
    ['a destination that is no id', () => intentFilter({ destination: 'x' }, [], groups), '--destination must be a UUID'],
    ['an empty list', () => intentFilter({ state: 'dead', reason: ' ,' }, ['1'], groups), '--reason is empty: give one or more values'],
    ['everything', () => requireSelection(intentFilter({}, [], groups)), 'Select the intents'],
  ])('refuses %s that is wrong, by name', (_, read, sentence) => {
    expect(read).toThrow(sentence)
  })

  it('refuses a reason or kind that neither the build knows nor an intent has, and reads the intents only then', async () => {
    const known = { reasons: ['no-endpoint', 'manual'], kinds: ['mail', 'welcome'] }
    const used = { reasons: ['no-stock'], kinds: ['mail', 'old-kind'] }
    const checked = (typed: Parameters<typeof intentFilter>[0], inUse = () => Promise.resolve(used)) =>
      requireKnownNames(intentFilter(typed, [], groups), known, inUse)
    await checked({ reason: 'manual,no-endpoint', kind: 'welcome' }, () => Promise.reject(new Error('the intents are read')))
    await checked({ reason: 'manual,no-stock', kind: 'old-kind' })
    await expect(checked({ reason: 'manual,no-endpiont' })).rejects.toThrow(
      'There is no reason "no-endpiont" (did you mean no-endpoint?): give one of docs/reference/states.md, such as these, which intents have now: no-stock.',
    )
    await expect(checked({ reason: 'no-endpiont' }, () => Promise.resolve({ reasons: [], kinds: [] }))).rejects.toThrow(
      'There is no reason "no-endpiont" (did you mean no-endpoint?): give one of docs/reference/states.md.',
    )
    await expect(checked({ kind: 'welcom' })).rejects.toThrow(
      'There is no kind "welcom" (did you mean welcome?): give one of mail, welcome, old-kind.',
    )
  })

  it('repeats nothing that may be an address', () => {
    expect(() => uuidOf('--user', 'guest@example.com')).toThrow(/^--user must be a UUID such as [0-9a-f-]+\.$/)
  })
})
