import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { IntentStore } from './intent-store.ts'

/** A channel whose effect is the database itself: claim, effect and outcome are one transaction, so there is nothing to start. */
export interface TransactionChannel<Message> {
  readonly name: ChannelName
  /** The longest that one run may take, in milliseconds; a lease is twice as long. */
  readonly deadlineMs: number
  /**
   * For intents that coalesce, whose number says nothing: a group stops fetching, under `reason`, once the oldest has been due for longer
   * than `ms`. Without it the number of due intents decides.
   */
  readonly lateAfter?: { readonly ms: number; readonly reason: string }
  /** Throws SqlError; nothing was written then. */
  run(intent: Intent, message: Message, store: IntentStore): Promise<Ran>
}

/** `outcome` as it is counted: done, or what it waits for. */
export type Ran = { readonly is: 'ran'; readonly outcome: 'done' | 'waiting'; readonly reason: string | null } | { readonly is: 'lost' }
