import type { Intent, IntentState } from '../../model/intent.ts'
import type { AttemptOutcome } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import type { ForeseenSubjects } from '../replay/foreseen-subjects.ts'

/** Which intents; an empty list and null restrict nothing. */
export interface IntentFilter {
  readonly ids: readonly string[]
  readonly states: readonly IntentState[]
  readonly reasons: readonly string[]
  /** Group ids, with their prefix. */
  readonly groups: readonly string[]
  /** Kinds, or types of mail. */
  readonly kinds: readonly string[]
  /** Ids of endpoints. */
  readonly destinations: readonly string[]
  readonly campaignId: string | null
  /** Of all campaigns of an account. */
  readonly accountId: string | null
  readonly userId: string | null
  readonly eventId: string | null
}

/** Names by which intents are selected. */
export interface IntentNames {
  readonly reasons: readonly string[]
  /** Kinds, and types of mail. */
  readonly kinds: readonly string[]
}

/** An intent as an operator sees it. No address: what was frozen is not shown. */
export interface IntentLine {
  readonly id: string
  readonly group: string
  readonly kind: string
  readonly channel: string
  readonly state: IntentState
  readonly reason: string | null
  /** Of mails. */
  readonly type: string | null
  readonly userId: string | null
  readonly userRewardId: string | null
  readonly rewardId: string | null
  readonly campaignId: string
  readonly eventId: string | null
  /** The endpoint, once it is known; null for a channel with one destination. */
  readonly destination: string | null
  readonly attempt: number
  readonly claims: number
  readonly coalesce: boolean
  readonly messageId: string | null
  readonly createdAt: Date
  readonly dueAt: Date
  readonly finishedAt: Date | null
  /** What it waits for, while a breaker is open there: an endpoint's id with scheme, host and port of its URL, or a channel's only destination. */
  readonly away: {
    readonly destination: string
    /** It is the only destination of its channel. */
    readonly sole: boolean
    /** What a destination of the channel and its deliveries are called. */
    readonly names: { readonly destination: string; readonly deliveries: string }
    readonly reason: string | null
    readonly since: string
    readonly host: string | null
  } | null
}

/** What is shown of a row in a channel's delivery log: one field for each log there is. */
export interface DeliveryRows {
  readonly mail: {
    readonly id: string
    readonly status: string
    readonly sentAt: string | null
    readonly failedAt: string | null
    readonly error: string | null
  }
  readonly delivery: {
    readonly id: string
    readonly status: string
    readonly responseStatus: number | null
    readonly attempt: number
    readonly deliveredAt: string | null
    readonly nextRetryAt: string | null
    readonly error: string | null
  }
}

/** An intent with what else is on record about it; null in the fields of the delivery logs that its channel does not write. */
export interface IntentHistory extends IntentLine, Nullable<DeliveryRows> {
  readonly class: string
  readonly key: string
  readonly owner: string | null
  readonly leaseUntil: Date | null
  readonly waitingSince: Date | null
  readonly ambiguous: number
  readonly eventAt: Date | null
  /** What the reason leaves open, in our own words. */
  readonly detail: string | null
  /** Bytes of what was frozen, or null. */
  readonly frozenBytes: number | null
  readonly outcome: {
    readonly outcome: string
    readonly type: string
    readonly partition: number
    readonly offset: number
    readonly at: string
  } | null
}

type Nullable<Fields> = { readonly [Name in keyof Fields]: Fields[Name] | null }

/** `hurry`: a pending intent is due now instead of later. */
export type IntentChange = 'retry' | 'hurry' | 'cancel' | 'mark-sent'

/** How many intents of a state match. `forgotten`: erased, so they cannot be retried. */
export interface StateCount {
  readonly state: IntentState
  readonly coalesce: boolean
  readonly forgotten: boolean
  readonly count: number
}

/** Intents of one kind that a change will be made to. */
export interface CountedKind {
  readonly kind: string
  /** Of mails. */
  readonly type: string | null
  readonly count: number
  readonly people: number
}

/** The same with the subjects of those that would be sent now; see {@link PREVIEWED}. */
export interface IntentPreview extends CountedKind, ForeseenSubjects {}

/** Called for every intent that was cancelled or marked as sent, to update the state that its kind keeps; in the same transaction. */
export type RecordOutcome = (intent: Intent, outcome: AttemptOutcome, tx: Sql) => Promise<void>

/** What can be read of the matching intents at one moment. */
export interface IntentReads {
  counts(filter: IntentFilter): Promise<readonly StateCount[]>
  /** What a change of the matching ones concerns; erased ones are left out. */
  kinds(filter: IntentFilter): Promise<readonly CountedKind[]>
  /** The newest of the matching ones as a worker would see them; erased ones, and those that coalesce, are left out. */
  intents(filter: IntentFilter, limit: number): Promise<readonly Intent[]>
  /** The newest first. */
  list(filter: IntentFilter, limit: number): Promise<readonly IntentLine[]>
}

/** The port to the intents, for an operator; works while daemons run. Throws SqlError. */
export interface IntentAdmin extends IntentReads {
  /** All that `look` reads is as it was when it began, whatever workers do meanwhile; nothing is locked. */
  snapshot<Seen>(look: (reads: IntentReads) => Promise<Seen>): Promise<Seen>
  /** The reasons, kinds and types of mail that intents have, by a sequential scan. */
  names(): Promise<IntentNames>
  history(id: string): Promise<IntentHistory | null>
  /**
   * Changes those that are still as they were seen (state and claims), the delivery logs' rows with them; resolves to the ids that
   * were changed. In transactions of a few hundred, so that a failure leaves whole ones behind.
   */
  change(
    change: IntentChange,
    seen: readonly Pick<IntentLine, 'id' | 'state' | 'claims'>[],
    record: RecordOutcome,
  ): Promise<readonly string[]>
}
