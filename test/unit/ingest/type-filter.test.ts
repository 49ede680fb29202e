import { describe, expect, it } from 'vitest'
import { eventTypes } from '../../../src/events/catalogue/catalogue.ts'
import { createTypeFilter } from '../../../src/ingest/type-filter.ts'
import { recordOf } from '../../support/log-records.ts'

const filter = createTypeFilter(['user.*', 'reward.earned'])
const skips = (...types: string[]) =>
  filter.skips({ ...recordOf(0, '{}'), headers: { 'event-type': types.map((type) => Buffer.from(type)) } })

describe('a type filter', () => {
  it.each([
    ['user.signed_up', true],
    ['user.verified', true],
    ['user.anything_new', false],
    ['reward.earned', true],
    ['reward.revoked', false],
    ['users.signed_up', false],
    ['user', false],
    ['', false],
  ])('of families and exact types: %s %s', (type, handled) => {
    expect(filter.handles(type)).toBe(handled)
    expect(filter.handles(type)).toBe(handled)
  })

  it.each<[readonly Parameters<typeof createTypeFilter>[0][number][], readonly string[]]>([
    [['*'], eventTypes],
    [['user.*'], ['user.signed_up', 'user.verified']],
    [
      ['referral.*', 'reward.earned'],
      ['referral.created', 'referral.verified', 'reward.earned'],
    ],
    [['reward.earned', '*'], eventTypes],
  ])('%j means types of the catalogue alone', (patterns, types) => {
    const one = createTypeFilter(patterns)
    expect(eventTypes.filter((type) => one.handles(type))).toEqual(types)
    expect(['', '*', 'user.*', 'user.', 'order.placed'].some((type) => one.handles(type))).toBe(false)
  })

  it.each([
    ['a handled type', { 'event-type': 'user.verified' }, null],
    ['no header', {}, null],
    ['another type', { 'event-type': 'referral.created' }, 'referral.created'],
    ['a type of a family that is not in the catalogue', { 'event-type': 'user.verified ' }, null],
    ['a type of no family', { 'event-type': 'order.placed' }, 'order.placed'],
    ['another type in CloudEvents words', { ce_type: 'referral.created' }, 'referral.created'],
  ])('peeks at a record with %s', (_, headers, skipped) => {
    expect(filter.skips(recordOf(0, 'not even JSON', headers))).toBe(skipped)
  })

  it('requires parsing for records that name two types, or none', () => {
    expect(skips('referral.created', 'user.verified')).toBeNull()
    expect(skips('')).toBeNull()
    expect(skips('referral.created', 'referral.created')).toBe('referral.created')
  })
})
