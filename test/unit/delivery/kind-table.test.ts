import { kindsOf } from '../../../src/model/consumer.ts'
import { expect, it } from 'vitest'
import { createKindTable } from '../../../src/delivery/kind-table.ts'
import { listedConsumers } from '../../../src/consumers/registry.ts'
import { mailKind } from './delivery-fixture.ts'

const reward = { kind: 'reward', version: 1, prepare: async () => [{ is: 'skip', reason: 'test' } as const] }
const table = createKindTable([mailKind(), mailKind({ version: 2 }), { ...reward, channel: 'webhook' }, { ...reward, channel: 'email' }])

it('knows a kind by name, version and channel together', () => {
  expect(table.of({ kind: 'mail', version: 2, channel: 'email' })?.version).toBe(2)
  expect(table.of({ kind: 'reward', version: 1, channel: 'webhook' })?.channel).toBe('webhook')
  expect(table.of({ kind: 'reward', version: 1, channel: 'email' })?.channel).toBe('email')
  expect(table.of({ kind: 'mail', version: 3, channel: 'email' })).toBeNull()
  expect(table.of({ kind: 'mail', version: 1, channel: 'webhook' })).toBeNull()
})

it('says what may be claimed, and the channels in the order of the kinds', () => {
  expect(table.channels).toEqual(['email', 'webhook'])
  expect(table.known('email')).toEqual([
    { kind: 'mail', version: 1 },
    { kind: 'mail', version: 2 },
    { kind: 'reward', version: 1 },
  ])
  expect(table.known('broadcast')).toEqual([])
})

it('finds every kind of the registered consumers', () => {
  for (const kinds of listedConsumers.map(kindsOf)) for (const kind of kinds) expect(createKindTable(kinds).of(kind)).toBe(kind)
})
