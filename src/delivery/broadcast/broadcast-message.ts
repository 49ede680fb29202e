import type { Sql } from '../../std/sql.ts'
import type { IntentDraft, Json } from '../../model/intent.ts'

/**
 * One page of a broadcast: the mails to write and where the next page begins; a null cursor ends the broadcast. After `pauseMs` another
 * pass begins, in which mails that were written are not written again.
 */
export interface BroadcastPage {
  readonly drafts: readonly IntentDraft[]
  readonly cursor: Json
  readonly pauseMs?: number
}

/** A mail to very many people, written page by page so that no transaction is long and live mails go first. */
export interface BroadcastMessage {
  /** Reads the page after `cursor` (null at first); called inside the transaction that writes it. */
  page(cursor: Json, limit: number, tx: Sql): Promise<BroadcastPage>
  /** How many mails would be written now, by one query: for the plan of a replay. */
  count(read: Sql): Promise<number>
}

declare module '../../model/messages.ts' {
  interface Messages {
    readonly broadcast: BroadcastMessage
  }
}
