import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createTypeFilter } from '../../../src/ingest/type-filter.ts'
import { recordOf } from '../../support/log-records.ts'

const filter = createTypeFilter(['user.*', 'reward.earned'])
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
  return process.memoryUsage().heapUsed
}

const skips = (...types: string[]) =>
  filter.skips({ ...recordOf(0, '{}'), headers: { 'event-type': types.map((type) => Buffer.from(type)) } })

describe('a type filter', () => {
  it.each([
    ['user.signed_up', true],
    ['user.anything_new', true],
    ['reward.earned', true],
    ['reward.revoked', false],
    ['users.signed_up', false],
    ['user', false],
    ['', false],
  ])('of families and exact types: %s %s', (type, handled) => {
    expect(filter.handles(type)).toBe(handled)
    expect(filter.handles(type)).toBe(handled)
  })

  it('stays correct when there are more types than the cache holds', () => {
    for (let n = 0; n < 1_500; n++) expect(filter.handles(`user.made_up_${n}`) && !filter.handles(`other.made_up_${n}`)).toBe(true)
  })

  it.each([
    ['a handled type', { 'event-type': 'user.verified' }, null],
    ['no header', {}, null],
    ['another type', { 'event-type': 'referral.created' }, 'referral.created'],
    ['another type in CloudEvents words', { ce_type: 'referral.created' }, 'referral.created'],
  ])('peeks at a record with %s', (_, headers, skipped) => {
    expect(filter.skips(recordOf(0, 'not even JSON', headers))).toBe(skipped)
  })

  it('caches no type that is longer than a type can be', () => {
    const fresh = createTypeFilter(['user.*'])
    const before = heapUsed()
    for (let n = 0; n < 500; n++) fresh.skips(recordOf(n, null, { 'event-type': `${n}${'x'.repeat(100_000)}` }))
    expect(heapUsed() - before).toBeLessThan(20_000_000)
    expect(fresh.handles('user.verified')).toBe(true)
  })

  it('requires parsing for records that name two types, or none', () => {
    expect(skips('referral.created', 'user.verified')).toBeNull()
    expect(skips('')).toBeNull()
    expect(skips('referral.created', 'referral.created')).toBe('referral.created')
  })
})
