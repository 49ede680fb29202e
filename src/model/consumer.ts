import type { IntentDraft } from './intent.ts'
import type { AnyIntentKind } from './intent-kind.ts'
import type { AnyEvent, EventType } from '../events/event.ts'

/** An exact type, or all types with a prefix. */
export type TypePattern = EventType | 'user.*' | 'referral.*' | 'reward.*' | 'campaign.*'

/**
 * A consumer group as data. `name` is the group id (behind `KAFKA_GROUP_PREFIX`), the metric label and the suffix of the
 * dead-letter topic. Registered by one line in consumers/registry.ts and validated at startup.
 */
export interface Consumer {
  readonly name: string
  /** Default `KAFKA_TOPIC`. One group reads one topic. */
  readonly topic?: string
  readonly types: readonly TypePattern[]
  /** Workers that execute its intents; default `KAFKA_WORKER_POOL_SIZE`. */
  readonly poolSize?: number
  /**
   * Decides what to do about one event, from the event alone: pure, synchronous, no clock, no database. An empty list means
   * `no-effect`. An event on which this throws twice is poison (fault-policy.ts).
   */
  accept(event: AnyEvent): readonly IntentDraft[]
  /** Every kind of intent that `accept` may return, including those of older versions with unfinished intents. */
  readonly kinds: readonly AnyIntentKind[]
}
