import { describe, expect, it } from 'vitest'
import { catalogue, dataFault, envelopeFault, eventTypes, isEventType } from '../../../src/events/catalogue/catalogue.ts'
import { sampleData, sampleEvent } from '../../support/sample-event.ts'

describe('the catalogue', () => {
  it('lists the six event types with their summaries', () => {
    expect(eventTypes).toEqual([
      'user.signed_up',
      'user.verified',
      'referral.created',
      'referral.verified',
      'reward.earned',
      'campaign.milestone_reached',
    ])
    for (const type of eventTypes) expect(catalogue[type].summary).toMatch(/^[A-Z].*\.$/)
  })

  it.each(['toString', '__proto__', 'user.*', ''])('does not accept %j as a type', (type) => {
    expect(isEventType(type)).toBe(false)
  })

  it.each(eventTypes)('accepts a complete %s and names each missing field', (type) => {
    const data = sampleData[type](1)
    expect(envelopeFault(sampleEvent(type))).toBeNull()
    expect(dataFault(type, data)).toBeNull()
    for (const field of Object.keys(data)) {
      const without = Object.fromEntries(Object.entries(data).filter(([name]) => name !== field))
      expect(dataFault(type, without)).toBe(`/ breaks required: ${field}`)
    }
  })
})
