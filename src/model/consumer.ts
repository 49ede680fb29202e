import type { IntentDraft } from './intent.ts'
import type { AnyIntentKind } from './intent-kind.ts'
import type { OwnTables, Project } from './projection.ts'
import type { AnyEvent, EventType } from '../events/event.ts'

/** An exact type, all types with a prefix, or all of the catalogue. Those that are meant are known at the start of the daemon. */
export type TypePattern = EventType | FamilyOf<EventType> | '*'

type FamilyOf<Type extends string> = Type extends `${infer Head}.${infer Tail}` ? `${Head}.*` | `${Head}.${FamilyOf<Tail>}` : never

interface Group {
  /** The group id (behind `KAFKA_GROUP_PREFIX`), the metric label and the suffix of the dead-letter topic. */
  readonly name: string
  /** Default `KAFKA_TOPIC`. One group reads one topic. */
  readonly topic?: string
  readonly types: readonly TypePattern[]
  /** Runs only when `KAFKA_GROUPS` names it. */
  readonly optIn?: true
}

/** A group that decides what to do about events: each decision is an intent, which workers execute later. */
export interface DecidingConsumer extends Group {
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

/** A group that keeps rows of its own (counters, read models), written in the transaction that accepts the events. */
export interface ProjectingConsumer extends Group {
  /** The only tables that `project` may read or write. */
  readonly tables: OwnTables
  readonly project: Project
}

/** A consumer group as data, registered by one line in consumers/registry.ts and validated at startup. */
export type Consumer = DecidingConsumer | ProjectingConsumer

export function isProjecting(consumer: Consumer): consumer is ProjectingConsumer {
  return 'project' in consumer
}

/** The kinds of intents of a group; a projecting group has none. */
export function kindsOf(consumer: Consumer): readonly AnyIntentKind[] {
  return isProjecting(consumer) ? [] : consumer.kinds
}
