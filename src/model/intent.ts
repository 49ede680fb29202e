import type { ChannelName } from './messages.ts'

/**
 * An intent is one thing that a group decided to do about an event: a mail to send, a reward to deliver, a campaign to
 * recalculate. It is written in the transaction that accepts the event and executed later, by any process.
 */

/** Claimed in this order: live before broadcast before replay. */
export type IntentClass = 'live' | 'broadcast' | 'replay'

/**
 * `pending`, `claimed`, `handing_over` and `ambiguous` are unfinished; `held` waits for the operator; the rest are final.
 * Every state but skipped, dead, rejected and cancelled spends the intent's key (ARCHITECTURE.md, Accepting).
 */
export type IntentState =
  'pending' | 'claimed' | 'handing_over' | 'ambiguous' | 'held' | 'sent' | 'delivered' | 'skipped' | 'dead' | 'rejected' | 'cancelled'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** What a consumer writes at accept; the group, the event and the class are added by the path. */
export interface IntentDraft {
  /** Names the `prepare` that executes it, with `version`: a process claims only kinds and versions that it knows. */
  readonly kind: string
  readonly version: number
  readonly channel: ChannelName
  /** The identity of the effect, unique in the group: a second draft under a spent key does nothing. */
  readonly key: string
  /** Unique only while pending, and deleted when finished: requests for the same work become one (recalculations). */
  readonly coalesce?: boolean
  readonly campaignId: string
  readonly userId?: string
  /** Where the intent goes, for fairness and breakers, in a channel whose intents have destinations of their own: an endpoint. */
  readonly destination?: string
  readonly class?: IntentClass
  /**
   * A live intent of an event that is older than this when it is accepted is written as skipped, with the reason `stale`: nobody claims it.
   * Milliseconds, by the database's clock.
   */
  readonly maxEventAgeMs?: number
  /** What `prepare` needs and cannot read from the database. Never an address, a token or a code. */
  readonly data: JsonObject
}

/** A claimed intent, as the worker that claimed it sees it. */
export interface Intent {
  readonly id: string
  readonly group: string
  readonly kind: string
  readonly version: number
  readonly channel: ChannelName
  readonly key: string
  readonly class: IntentClass
  readonly coalesce: boolean
  /** Null for work that no event caused (the sweep). */
  readonly eventId: string | null
  /** When the event happened, by its publisher's clock. */
  readonly eventAt: Date | null
  /** Of the event; null when its publisher gave none. */
  readonly correlationId: string | null
  /** Of the span that accepted the event, as a W3C header; null where tracing was off. */
  readonly traceparent: string | null
  readonly campaignId: string
  readonly userId: string | null
  readonly destination: string | null
  readonly data: JsonObject
  /** Starts so far; only a start counts as an attempt. */
  readonly attempt: number
  /** How often a send ended without a record of the reply. */
  readonly ambiguous: number
  /** When `prepare` first said wait, by the database's clock; with `reason` it says how long for what. */
  readonly waitingSince: Date | null
  readonly reason: string | null
  readonly createdAt: Date
  /** What was frozen at the first start; every retry sends exactly this. */
  readonly frozen: Frozen | null
  readonly claim: Claim
}

/** The fence of everything that a worker writes about an intent: no row with this owner and count, no effect. The owner names one claim of one process. */
export interface Claim {
  readonly id: string
  readonly owner: string
  readonly claims: number
}

/** The bytes that are sent and their destination, fixed at the first start. */
export interface Frozen {
  /**
   * Channel's own: sender, recipient, subject and message id of a mail; endpoint and webhook id of a webhook. Where `body` is null,
   * `content` is what the channel makes the bytes of, the same each time; it is dropped once nothing can send them again.
   */
  readonly envelope: JsonObject
  readonly body: Uint8Array | null
}
