import type { Json } from '../../model/intent.ts'
import type { BroadcastMessage } from './broadcast-message.ts'
import { defineChannel, type Transactor } from '../define-channel.ts'

/**
 * How long a broadcast waits before it counts its unfinished mails again: short beside the time in which `maxPending` of them are sent, or
 * the workers run out of mails in between.
 */
const FULL_RETRY_MS = 200

/** Broadcast, as the list of channels has it. */
export const broadcastChannel = defineChannel({
  name: 'broadcast',
  destinations: null,
  writesIntents: true,
  create: createBroadcastChannel,
})

/**
 * Writes a broadcast page by page: every step is one transaction that inserts mails and moves the cursor, so a kill repeats
 * nothing and skips nothing; the next step waits while `maxPending` of its mails are unfinished. After each page it returns
 * to the end of the queue, so that several broadcasts take turns.
 */
export function createBroadcastChannel(options: {
  readonly deadlineMs: number
  readonly pageSize: number
  readonly maxPending: number
}): Transactor<BroadcastMessage> {
  return {
    deadlineMs: options.deadlineMs,
    async run(intent, message, store) {
      const unfinished = await store.countUnfinishedOf(intent, options.maxPending)
      const full = unfinished >= options.maxPending
      const result = await store.transact(intent, options.deadlineMs * 2, async (tx) => {
        if (full)
          return { result: 'full' as const, settlement: { is: 'later', as: 'waiting', reason: 'page-pending', afterMs: FULL_RETRY_MS } }
        const page = await message.page(cursorOf(intent.data), options.pageSize, tx)
        if (page.cursor === null)
          return { result: 'last' as const, settlement: { is: 'final', state: 'delivered', reason: null }, drafts: page.drafts }
        const next = page.pauseMs === undefined ? ('next-page' as const) : ('second-pass' as const)
        return {
          result: next,
          settlement: { is: 'later', as: 'waiting', reason: next, afterMs: page.pauseMs ?? 0 },
          drafts: page.drafts,
          data: { ...intent.data, cursor: page.cursor },
        }
      })
      if (result === 'lost') return { is: 'lost' }
      return result === 'last'
        ? { is: 'ran', outcome: 'done', reason: null }
        : { is: 'ran', outcome: 'waiting', reason: result === 'full' ? 'page-pending' : result }
    },
  }
}

function cursorOf(data: { readonly [key: string]: Json }): Json {
  return data['cursor'] ?? null
}
