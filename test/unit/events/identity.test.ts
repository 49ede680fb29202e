import { describe, expect, it } from 'vitest'
import { catalogue, eventTypes, isEventType } from '../../../src/events/catalogue/catalogue.ts'
import { contentHashOf, eventIdOf } from '../../../src/events/identity.ts'
import { sampleData, uuid } from '../../support/sample-event.ts'

/** What publishers have sent and databases remember: a change here would send every mail once more. */
const golden = {
  'user.signed_up': ['351f6156-60a1-5619-800c-aebae279ff0d', 'ca3642638756282d'],
  'user.verified': ['6ee3aea4-804d-5a79-a193-a338bd749ede', '0ee9fe76a79a7cfc'],
  'referral.created': ['79fa16dc-4d3b-5710-9d4c-579378579ec0', '8d6c6e43ff657daf'],
  'referral.verified': ['da468b3f-2246-543c-8c6d-72e5023c8964', '74f37c24a41ef740'],
  'reward.earned': ['8b277d7b-93d6-540c-a8bc-edd98aa34edd', '44b0140cec86f906'],
  'campaign.milestone_reached': ['747cebd0-4028-58b3-856d-413b073b4e9b', '7ebc786ab06b3a62'],
} as const

describe('identity', () => {
  it.each(Object.entries(golden))('of %s never changes', (type, remembered) => {
    if (!isEventType(type)) throw new Error(type)
    const data = sampleData[type](1)
    expect([eventIdOf(type, data), Buffer.from(contentHashOf(type, data)).toString('hex').slice(0, 16)]).toEqual(remembered)
  })

  it('does not depend on counts, points or addresses', () => {
    const person = sampleData['user.signed_up'](1)
    expect(eventIdOf('user.signed_up', { ...person, email: 'other@example.com' })).toBe(golden['user.signed_up'][0])
    const referral = sampleData['referral.verified'](1)
    expect(eventIdOf('referral.verified', { ...referral, points_per_referral: 99 })).toBe(golden['referral.verified'][0])
    const milestone = sampleData['campaign.milestone_reached'](1)
    expect(eventIdOf('campaign.milestone_reached', { ...milestone, participant_count: 99 })).toBe(golden['campaign.milestone_reached'][0])
  })

  it('differs for different facts', () => {
    const person = sampleData['user.signed_up'](1)
    expect(eventIdOf('user.verified', person)).not.toBe(eventIdOf('user.signed_up', person))
    expect(eventIdOf('user.signed_up', { ...person, user_id: uuid('a', 2) })).not.toBe(golden['user.signed_up'][0])
    const milestone = sampleData['campaign.milestone_reached'](1)
    const elsewhere = { ...milestone, campaign_id: uuid('c', 2) }
    expect(eventIdOf('campaign.milestone_reached', elsewhere)).not.toBe(golden['campaign.milestone_reached'][0])
    expect(contentHashOf('campaign.milestone_reached', elsewhere)).not.toEqual(contentHashOf('campaign.milestone_reached', milestone))
  })

  it('consists of fields that the catalogue requires', () => {
    for (const type of eventTypes) {
      for (const field of catalogue[type].identity) expect(Object.keys(catalogue[type].data.properties)).toContain(field)
    }
  })
})
