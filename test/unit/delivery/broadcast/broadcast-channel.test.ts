import { describe, expect, it } from 'vitest'
import { createBroadcastChannel } from '../../../../src/delivery/broadcast/broadcast-channel.ts'
import type { BroadcastMessage, BroadcastPage } from '../../../../src/delivery/broadcast/broadcast-message.ts'
import type { IntentDraft, Json } from '../../../../src/model/intent.ts'
import { MemoryIntentStore } from '../../../support/memory-intent-store.ts'
import { sampleIntent } from '../../../support/sample-intent.ts'

const channel = createBroadcastChannel({ deadlineMs: 1_000, pageSize: 2, maxPending: 3 })
const intent = sampleIntent({ channel: 'broadcast', kind: 'milestone-broadcast', data: { milestone: '100' } })
const draft = (n: number): IntentDraft => ({ kind: 'mail', version: 1, channel: 'email', key: `k${n}`, campaignId: 'c', data: {} })

/** A message of one page; it records its calls. */
function messageOf(page: BroadcastPage): { message: BroadcastMessage; pagesRead: [Json, number][] } {
  const pagesRead: [Json, number][] = []
  const message: BroadcastMessage = {
    count: async () => page.drafts.length,
    async page(cursor, limit) {
      pagesRead.push([cursor, limit])
      return page
    },
  }
  return { message, pagesRead }
}

describe('a broadcast', () => {
  it('writes its first page and moves the cursor in one transaction, and goes to the end of the queue', async () => {
    const store = new MemoryIntentStore()
    const { message, pagesRead } = messageOf({ drafts: [draft(1), draft(2)], cursor: 'two' })
    expect(await channel.run(intent, message, store)).toEqual({ is: 'ran', outcome: 'waiting', reason: 'next-page' })
    expect(pagesRead).toEqual([[null, 2]])
    expect(store.transactions).toEqual([
      {
        settlement: { is: 'later', as: 'waiting', reason: 'next-page', afterMs: 0 },
        drafts: [draft(1), draft(2)],
        data: { milestone: '100', cursor: 'two' },
      },
    ])
  })

  it('goes on behind its cursor and ends with the last page', async () => {
    const store = new MemoryIntentStore()
    store.unfinished = 2
    const { message, pagesRead } = messageOf({ drafts: [draft(3)], cursor: null })
    expect(await channel.run({ ...intent, data: { ...intent.data, cursor: 'two' } }, message, store)).toEqual({
      is: 'ran',
      outcome: 'done',
      reason: null,
    })
    expect(pagesRead).toEqual([['two', 2]])
    expect(store.transactions).toEqual([{ settlement: { is: 'final', state: 'delivered', reason: null }, drafts: [draft(3)], data: null }])
  })

  it('waits before it looks at everybody a second time', async () => {
    const store = new MemoryIntentStore()
    const { message } = messageOf({ drafts: [draft(3)], cursor: { again: '' }, pauseMs: 700 })
    expect(await channel.run(intent, message, store)).toEqual({ is: 'ran', outcome: 'waiting', reason: 'second-pass' })
    expect(store.transactions).toMatchObject([
      {
        settlement: { is: 'later', as: 'waiting', reason: 'second-pass', afterMs: 700 },
        drafts: [draft(3)],
        data: { cursor: { again: '' } },
      },
    ])
  })

  it('waits, without reading a page, while too many of its mails are unfinished', async () => {
    const store = new MemoryIntentStore()
    store.unfinished = 3
    const { message, pagesRead } = messageOf({ drafts: [draft(3)], cursor: null })
    expect(await channel.run(intent, message, store)).toEqual({ is: 'ran', outcome: 'waiting', reason: 'page-pending' })
    expect(pagesRead).toEqual([])
    expect(store.transactions).toMatchObject([{ settlement: { as: 'waiting', reason: 'page-pending', afterMs: 200 }, drafts: [] }])
  })

  it('whose claim is lost writes nothing', async () => {
    const store = new MemoryIntentStore()
    store.lost = true
    const { message, pagesRead } = messageOf({ drafts: [draft(3)], cursor: null })
    expect(await channel.run(intent, message, store)).toEqual({ is: 'lost' })
    expect(pagesRead).toEqual([])
  })
})
