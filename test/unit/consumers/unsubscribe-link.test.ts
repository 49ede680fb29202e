import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { unsubscribeLinks } from '../../../src/consumers/unsubscribe-link.ts'

const of = { userId: '00000000-0000-4000-8000-0000000000a1', campaignId: '00000000-0000-4000-8000-0000000000c1' }
const secret = 'a secret of some length'

describe('an unsubscribe link', () => {
  it('names the person and the list, and is signed so that nobody can name another', () => {
    const link = unsubscribeLinks('https://example.com/stop/{campaign_id}?u={user_id}&s={signature}', secret)
    const signature = createHmac('sha256', Buffer.from(secret)).update(Buffer.from(of.userId)).digest('hex')
    expect(link(of)).toBe(`https://example.com/stop/${of.campaignId}?u=${of.userId}&s=${signature}`)
    expect(link({ ...of, userId: of.campaignId })).not.toContain(signature)
  })

  it('may be unsigned', () => {
    expect(unsubscribeLinks('https://example.com/{user_id}', undefined)(of)).toBe(`https://example.com/${of.userId}`)
  })
})
