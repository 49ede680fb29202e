import { describe, expect, it } from 'vitest'
import { canUnsubscribeFrom, everythingGoes, forbiddenAddress, claimedTo, isStale } from '../../../src/consumers/mail-rules.ts'
import type { MailType } from '../../../src/delivery/email/mail-message.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

const every: readonly MailType[] = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone', 'reward_delivery']
const unasked = new Set<MailType>(['position_update', 'milestone'])
/** An intent whose event was accepted so long after it happened. */
const born = (afterMs: number) => sampleIntent({ eventAt: new Date(1_000_000), createdAt: new Date(1_000_000 + afterMs) })
const frozen = (envelope: Record<string, string>) => ({ frozen: { envelope, body: Buffer.from('mail') } })
const address = 'ann@example.com'

describe('an address', () => {
  it.each(every)('that bounced gets no %s mail', (type) => {
    expect(forbiddenAddress({ address, suppressions: ['unsubscribed', 'bounced'] }, type, everythingGoes)).toBe('suppressed-bounced')
  })

  it.each(every)('that unsubscribed gets a %s mail only when it is an answer to something', (type) => {
    const reason = unasked.has(type) ? 'suppressed-unsubscribed' : null
    expect(forbiddenAddress({ address, suppressions: ['unsubscribed'] }, type, everythingGoes)).toBe(reason)
    expect(canUnsubscribeFrom(type)).toBe(unasked.has(type))
  })

  it('that is not meant to get mail here gets none, and a suppressed one is called that', () => {
    const rules = { isAllowed: (one: string) => one !== address }
    expect(forbiddenAddress({ address, suppressions: null }, 'welcome', rules)).toBe('not-allowed')
    expect(forbiddenAddress({ address, suppressions: ['bounced'] }, 'welcome', rules)).toBe('suppressed-bounced')
    expect(forbiddenAddress({ address: 'bob@example.com', suppressions: null }, 'welcome', rules)).toBeNull()
  })

  it('is that of the first hand-over, as the platform writes it', () => {
    expect(claimedTo({ frozen: null })).toBeNull()
    expect(claimedTo(frozen({ to: address }))).toBe(address)
    expect(claimedTo(frozen({ to: 'ann@xn--bcher-kva.example', address: 'ann@b\u00fccher.example' }))).toBe('ann@b\u00fccher.example')
  })
})

describe('an event', () => {
  const rules = { maxEventAgeMs: 10_000 }

  it.each([
    [-5_000, false],
    [0, false],
    [10_000, false],
    [10_001, true],
  ])('accepted %i ms after it happened is stale: %s', (afterMs, stale) => {
    expect(isStale(born(afterMs), rules)).toBe(stale)
    expect(isStale({ ...born(afterMs), class: 'broadcast' }, rules)).toBe(stale)
  })

  it('is never stale in a replay, without a time, or because its intent has waited', () => {
    expect(isStale({ ...born(10_001), class: 'replay' }, rules)).toBe(false)
    expect(isStale({ ...born(10_001), eventAt: null }, rules)).toBe(false)
    const waited = { ...born(0), waitingSince: new Date(9_000_000), attempt: 9 }
    expect(isStale(waited, rules)).toBe(false)
  })
})
