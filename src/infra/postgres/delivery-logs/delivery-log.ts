import type { DeliveryRows } from '../../../admin/intents/intent-admin.ts'
import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { Reply, Settlement } from '../../../delivery/intent-store.ts'
import type { Intent } from '../../../model/intent.ts'

export interface LoggedOutcome {
  readonly intent: Intent
  readonly settlement: Settlement
  readonly reply: Reply
}

/**
 * How a channel's rows follow its intents: common table expressions, so that the statement that moves the intents also writes the rows of
 * exactly those whose claim it proved.
 */
export interface DeliveryLogSql {
  readonly table: DeliveryLog
  /** The row of an intent `worker.intents AS i` for an operator: the field of its history, and a query of one object. */
  readonly shown: { readonly field: keyof DeliveryRows; readonly query: string }
  /** For rows of `worker.intents` in `started`, as they are from the start on. Shares no name with `settled`: one statement may have both. */
  readonly started: string
  /** For rows of `worker.intents` in `settled`, whose outcomes are in the parameters from `$first` on. */
  settled(first: number): string
  /** For the same rows when the platform's tables refused them: only what goes into our own tables. */
  readonly settledInOurs: string
  /** For rows of `worker.intents` in `abandoned`, which were given up because their destination was unavailable for too long. */
  readonly abandoned: string
  /** For rows of `worker.intents` in `erased`, of a person who is forgotten: what the log holds of the person, unless it is the platform's. */
  readonly forgotten: string
  /** The outcomes as arrays, one element per intent. */
  outcomeParameters(outcomes: readonly LoggedOutcome[]): readonly string[]
}
