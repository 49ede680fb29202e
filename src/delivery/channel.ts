import type { DeliveryLog } from './delivery-log-table.ts'
import type { OutcomeSignal } from './outcome-signal.ts'
import type { Frozen, Intent } from '../model/intent.ts'
import type { Composed } from '../model/intent-kind.ts'
import type { ChannelName } from '../model/messages.ts'
import type { Reply } from './intent-store.ts'
import type { RetryPolicy } from '../model/retry-policy.ts'

/** A channel whose effect leaves the process: prepare, start (freeze, commit), perform. */
export interface SendChannel<Message> {
  readonly name: ChannelName
  /** State of the row while the effect is in flight: `handing_over` for what cannot be taken back, `claimed` for what may run again. */
  readonly underway: 'handing_over' | 'claimed'
  /** The longest that one `perform` may take, in milliseconds ({@link outerDeadline}); a lease is twice as long. */
  readonly deadlineMs: number
  /** Deliveries that can be in flight in this process at a time (connections); the others wait in `acquire`. Infinity: no limit. */
  readonly concurrency: number
  /** As its definition says, as does `retry`. */
  readonly deliveryLog: DeliveryLog | null
  readonly retry: RetryPolicy<Message>
  /** Retries that the owner of the destination allows; it limits the policy of a kind as well. */
  maxRetries(message: Message): number
  /** Where the message goes, for limits and breakers: an endpoint, or the channel's only destination. Never an address or a URL. */
  destinationOf(message: Message): string
  /** The client of the channel's only destination, where it notices outages itself: before any delivery does, and by name. */
  readonly client?: DestinationClient
  /**
   * Acquires what an attempt needs before its start (a connection to the relay). Waits for a free one until `signal` aborts. The caller
   * releases the slot in any case.
   *
   * @throws {Unavailable} no attempt counts; the whole channel waits.
   * @throws {Postponed} no attempt counts; this intent waits, others go on.
   */
  acquire(message: Message, signal: AbortSignal): Promise<Slot>
  /**
   * Determines the bytes and the destination for each of a batch, in its order. Each intent is frozen once, at its first start. Uses
   * nothing outside the process. Never rejects: an answer is rejected with a {@link Refusal} for a permanent fault of that intent.
   */
  freeze(batch: readonly Composed<Message>[]): Promise<readonly PromiseSettledResult<Frozen>[]>
  /**
   * Begins what takes no effect before `perform`, while the start is committed; after it `perform` gets the same, or the slot is released.
   * Optional: never called where the start decides what is sent.
   */
  begin?(frozen: Frozen, slot: Slot): void
  /**
   * Sends what was frozen. Never throws for anything that the other side did, and ends soon after `signal` aborts.
   *
   * @param traceparent of the attempt, for a protocol that has a place for it; absent where tracing is off
   */
  perform(intent: Intent, frozen: Frozen, message: Message, slot: Slot, signal: AbortSignal, traceparent?: string): Promise<Performed>
}

/** The client's view of its server. */
export interface DestinationClient {
  /** Host and port. */
  readonly host: string
  /** Since when the server is unavailable, with a sentence for the operator, without credentials; null while nothing is known against it. */
  away(): { readonly reason: string; readonly sentence: string; readonly forMs: number } | null
}

/**
 * The deadline of a channel whose client has one of `innerMs`. The inner one must expire first: only the client knows what it waits for,
 * and an attempt that the outer one aborts looks like our own stop, which counts as no failure of the other side.
 */
export function outerDeadline(innerMs: number): number {
  return innerMs + Math.min(2_000, Math.ceil(innerMs / 4))
}

/** A connection or other capacity of the other side, held by one intent. Releasing it twice does nothing. */
export interface Slot {
  release(): void
  /** The stage of the conversation with the other side, in a word of the channel's own; null while there is none. */
  stage?(): string | null
}

/** The other side cannot be reached or accepts nothing from us now; not the fault of any intent. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  /** Short, bounded and fit for a metric label. */
  readonly reason: string
  /** When to try again, in milliseconds from now; null: at once, because the wait ended on our side, which says nothing about the other. */
  readonly retryAfterMs: number | null

  constructor(reason: string, retryAfterMs: number | null, options: { message?: string; cause?: unknown } = {}) {
    super(options.message ?? reason, { cause: options.cause })
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

/** This intent waits `afterMs` under `reason` without an attempt, and others go on (the rate limit of a recipient domain). */
export class Postponed extends Error {
  override readonly name = 'Postponed'
  /** Short, bounded and fit for a metric label. */
  readonly reason: string
  readonly afterMs: number

  constructor(reason: string, afterMs: number) {
    super(reason)
    this.reason = reason
    this.afterMs = afterMs
  }
}

/** The intent can never be performed as it is; its message is one sentence fit for a delivery log: no address, no secret. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** Short, bounded and fit for a metric label: `template-error`, `invalid-address`. */
  readonly reason: string

  constructor(reason: string, sentence: string, options: { cause?: unknown } = {}) {
    super(sentence, options)
    this.reason = reason
  }
}

/** The outcome of one request, and what it says about the destination: `done` that it works, the others nothing, unless `outcomeSignal` is set. */
export type Performed = Ended & { readonly outcomeSignal?: OutcomeSignal }

/** `reason` is short and bounded; the reply says the rest in our own words. */
type Ended =
  | { readonly is: 'done'; readonly state: 'sent' | 'delivered'; readonly reply: Reply }
  /** A failed attempt: the retry policy says when the next one is. `slowDown`: the destination requested a pause; null: without a duration. */
  | {
      readonly is: 'retry'
      readonly reason: string
      readonly countsAsAttempt: true
      readonly slowDown?: { readonly forMs: number | null }
      readonly reply: Reply
    }
  /** A fault of the other side that says nothing about this intent; it is tried again after `afterMs`. */
  | { readonly is: 'retry'; readonly reason: string; readonly countsAsAttempt: false; readonly afterMs?: number; readonly reply: Reply }
  /** Final, refused by the recipient. */
  | { readonly is: 'rejected'; readonly reason: string; readonly reply: Reply }
  | { readonly is: 'dead'; readonly reason: string; readonly reply: Reply }
  /** Whether it arrived is unknown. */
  | { readonly is: 'ambiguous'; readonly reason: string; readonly reply: Reply }
