import { describe, expect, it } from 'vitest'
import { listedConsumers } from '../../../src/consumers/registry.ts'
import type { IntentKind } from '../../../src/model/intent-kind.ts'
import { checkConsumers } from '../../../src/ingest/check-consumers.ts'
import type { Consumer, TypePattern } from '../../../src/model/consumer.ts'

const kind: IntentKind<'leaderboard'> = {
  kind: 'recalculate',
  version: 1,
  channel: 'leaderboard',
  prepare: async () => [{ is: 'skip', reason: 'test' }],
}
const good: Consumer = { name: 'test-workers', types: ['user.*'], accept: () => [], kinds: [kind] }

/** What the compiler would not let a consumer say. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point of it
const misspelt = 'user.signedup' as TypePattern

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
const halfNamed = 'ref*' as TypePattern

const projecting = (name: string, schema: string): Consumer => ({
  name,
  types: ['user.*'],
  tables: { schema, migrations: '', needs: {} },
  project: () => Promise.resolve(),
})

describe('registered consumers', () => {
  it('are valid', () => {
    expect(() => checkConsumers(listedConsumers)).not.toThrow()
    expect(() => checkConsumers([good, { ...good, name: 'other-workers', poolSize: 1 }])).not.toThrow()
    expect(() => checkConsumers([{ ...good, kinds: [kind, { ...kind, version: 2 }] }])).not.toThrow()
  })

  it.each<[string, Partial<Consumer>, string]>([
    [
      'a name with capitals',
      { name: 'Test' },
      'consumer Test: its name must be lower-case letters, digits and hyphens, because it is a group id',
    ],
    ['an empty name', { name: '' }, 'its name must be lower-case letters'],
    ['no types', { types: [] }, 'it handles no types'],
    ['a misspelt type', { types: [misspelt] }, 'its type user.signedup matches nothing in the catalogue'],
    ['half a family', { types: [halfNamed] }, 'its type ref* has an asterisk that is neither all of it nor its last part. Write a type, a'],
    ['half a worker', { poolSize: 0.5 }, 'its poolSize 0.5 must be an integer of at least 1'],
    ['no worker', { poolSize: 0 }, 'its poolSize 0'],
    ['one kind twice', { kinds: [kind, kind] }, 'it has two kinds leaderboard/recalculate/1'],
  ])('with %s never run', (_, change, sentence) => {
    expect(() => checkConsumers([{ ...good, ...change }])).toThrow(sentence)
  })

  it('that keep rows of their own have a schema of their own', () => {
    expect(() => checkConsumers([good, projecting('tally-workers', 'tally')])).not.toThrow()
    expect(() => checkConsumers([projecting('tally-workers', 'worker')])).toThrow('its schema worker must be a name of its own')
    expect(() => checkConsumers([projecting('a-workers', 'tally'), projecting('b-workers', 'tally')])).toThrow(
      'two consumers have the schema tally',
    )
  })

  it('are rejected with all faults at once', () => {
    const bad = { ...good, types: [], poolSize: 0 }
    expect(() => checkConsumers([bad, bad])).toThrow(/no types\n.*poolSize 0.*\n.*\n.*\ntwo consumers are named test-workers$/s)
  })
})
