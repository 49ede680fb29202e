import { describe, expect, it } from 'vitest'
import { messageIdOf } from '../../../../src/delivery/email/message-id.ts'

const mail = { eventId: '0f9a1c9e-6c1f-5b0e-9d54-0d9f2f1f7b11', type: 'welcome', userId: '5b0d0a0e-1111-4222-8333-444455556666' } as const

describe('messageIdOf', () => {
  it('is the same forever', () => {
    // Written down: a change of this value doubles every mail that is under way while it is deployed.
    expect(messageIdOf(mail, 'example.com')).toBe('<a7b32e5d2b469e33d138923b1388d5c3@example.com>')
  })

  it('differs by event, type and user', () => {
    const others = [
      { ...mail, eventId: 'x' },
      { ...mail, type: 'verification' as const },
      { ...mail, userId: 'x' },
    ]
    expect(new Set([mail, ...others].map((other) => messageIdOf(other, 'example.com'))).size).toBe(4)
  })

  it('does not run its parts together', () => {
    const one = messageIdOf({ eventId: 'a","welcome', type: 'welcome', userId: 'b' }, 'example.com')
    const two = messageIdOf({ eventId: 'a', type: 'welcome', userId: 'welcome","b' }, 'example.com')
    expect(one).not.toBe(two)
  })
})
