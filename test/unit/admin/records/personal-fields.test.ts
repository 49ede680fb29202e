import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { events } from '../../../../src/events/catalogue/events.ts'
import { exampleOfShape, masked, replacePersonal } from '../../../../src/admin/records/personal-fields.ts'
import { sampleEvent } from '../../../support/sample-event.ts'

const address = 'Zoë.Smith+list@mail.example.org'

describe('replacing what may be personal', () => {
  it.each(events.filter(({ personal }) => personal.length > 0))(
    'replaces the fields that the catalogue names, and no other, of $type',
    ({ type, personal }) => {
      const event = sampleEvent(type)
      const data = Object.fromEntries(
        Object.entries(event.data).map(([name, value]) => [name, personal.some((field) => field === name) ? '***' : value]),
      )
      expect(replacePersonal(event, masked)).toEqual({ ...event, data })
    },
  )

  it('replaces fields that the catalogue does not know, at any depth, and addresses where they do not belong', () => {
    const event = {
      ...sampleEvent('user.verified'),
      correlation: { by: 'Ada Lovelace', tags: ['x', 7, null, true] },
      data: { user_id: address, campaign_id: 'not an id', email: 'a', phone: '+49 30 123' },
    }
    expect(replacePersonal(event, masked)).toMatchObject({
      id: event.id,
      correlation: { by: '***', tags: ['***', '***', null, true] },
      data: { user_id: '***', campaign_id: 'not an id', email: '***', phone: '***' },
    })
  })

  it('replaces everything in data of a type that nobody knows, and a value that is no object', () => {
    expect(replacePersonal({ type: 'x', data: { user_id: 'Ada' } }, masked)).toEqual({ type: 'x', data: { user_id: '***' } })
    expect(replacePersonal('Ada', masked)).toBe('***')
    expect(replacePersonal([{ name: 'Ada' }], masked)).toEqual([{ name: '***' }])
  })

  it('knows the fields of other forms, whose names are in camel case', () => {
    const data = { userId: 'b', campaignId: 'c', email: address }
    expect(replacePersonal({ type: 'user.verified', data }, masked)).toEqual({ type: 'user.verified', data: { ...data, email: '***' } })
  })
})

describe('examples of the same shape', () => {
  it('keep length, case, digits and other characters of a text, and give an address a domain of example.com', () => {
    expect(exampleOfShape('Ada Lovelace-1815')).toBe('Per Sonalexm-1111')
    const example = String(exampleOfShape(address))
    expect(example).toMatch(/^[a-zA-Zé]{3}\.[A-Z][a-z]{4}\+[a-z]{4}@x+\.example\.com$/)
    expect(example).toHaveLength(address.length)
    expect(exampleOfShape('a@b.de')).toBe('p@example.com')
    expect(exampleOfShape('')).toBe('')
    expect(exampleOfShape(4711)).toBe(1111)
  })

  it('hold no letter sequence of the original', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[b-df-hj-kq-uwy-z]{4,20}$/), (text) => {
        expect(String(exampleOfShape(text))).not.toContain(text.slice(0, 4))
      }),
    )
  })
})
