import type { DeadLetterReason } from '../model/dead-letter-reason.ts'
import type { Intent, IntentDraft } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { Project } from '../model/projection.ts'
import type { AnyEvent } from '../events/event.ts'
import type { Reservation } from '../model/reservation.ts'

/** An event to accept, with the decision of its group. */
export interface AcceptedEvent {
  readonly offset: bigint
  readonly eventId: string
  readonly type: string
  readonly at: Date
  /** SHA-256 over the type and the identity fields: the same id with another hash is a conflict. */
  readonly contentHash: Uint8Array
  readonly drafts: readonly IntentDraft[]
  readonly correlationId?: string | undefined
  /** Of the span that accepts it; absent where tracing is off. */
  readonly traceparent?: string | undefined
  /** Kept for a projecting group only. */
  readonly event?: AnyEvent
}

/** A record that was published to the dead-letter topic and is now skipped. */
export interface PassedRecord {
  readonly offset: bigint
  readonly eventId: string | null
  readonly type: string | null
  /** From the envelope of an event with invalid data. */
  readonly campaignId?: string | null
  readonly contentHash: Uint8Array | null
  readonly reason: DeadLetterReason
  /** Names fields, rules and locations in code; never a value. */
  readonly detail?: string
}

/** Consecutive records of a partition, written in one transaction. */
export interface Chunk {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The offset that the progress row must hold; otherwise nothing is written. */
  readonly expected: bigint
  readonly next: bigint
  /** The last record below `next`; missing when there was none or its leader epoch is unknown. */
  readonly last?: LastRecord
  /** Outcomes of lower offsets are marked `recovered`: they were accepted before and lost by the database. */
  readonly recoverBelow: bigint
  readonly events: readonly AcceptedEvent[]
  readonly passed: readonly PassedRecord[]
  /** Free workers for which this insert claims intents, so that they get them from memory. */
  readonly reservation: Reservation | null
  /** Writes rows of the group's own for the events that are new, in the same transaction. */
  readonly project?: Project | undefined
  /** An operator has requested it: the outcome of a dead letter gives way to that of the same event. */
  readonly isReplay?: true
}

/** `repeated`: already on record with the same content, nothing changed; all others are the outcome now on record. */
export type EventOutcome = 'accepted' | 'no-effect' | 'duplicate' | 'dead-letter' | 'repeated'

export type AcceptResult =
  | {
      readonly is: 'accepted'
      /** Outcome of each of `events`, by offset. */
      readonly outcomes: ReadonlyMap<bigint, EventOutcome>
      /** How many of `passed` were recorded for the first time. */
      readonly deadLetters: number
      readonly intents: number
      /** Intents that were inserted as claimed by this process. */
      readonly claimed: readonly Intent[]
      /** Intents that were inserted as skipped, because their events were too old; missing: none. */
      readonly stale?: readonly StaleIntents[]
    }
  /** The row did not hold `expected`; nothing was written. */
  | { readonly is: 'moved'; readonly row: bigint | null }
  /** The ids of the events at these offsets are on record with other content; nothing was written. */
  | { readonly is: 'conflict'; readonly offsets: readonly bigint[] }

/** How many intents of one kind were skipped as they were accepted. */
export interface StaleIntents {
  readonly channel: ChannelName
  readonly kind: string
  readonly count: number
}

/** Identifies the last record read, to detect a truncated log: truncation below the record ends its leader epoch there (KIP-320). */
export interface LastRecord {
  readonly offset: bigint
  readonly leaderEpoch: number
}

export interface ProgressRow {
  readonly partition: number
  readonly next: bigint
  /** Records below this were on the topic when the group first started: exempt from the dedupe window. */
  readonly exemptBelow: bigint
  /** Id of the topic; missing in rows of older versions until the next start. */
  readonly topicId?: string
  /** The last record read with a known leader epoch. */
  readonly last?: LastRecord
}

/** Moves the offset of one partition by compare-and-set. */
export interface ProgressMove {
  readonly partition: number
  readonly expected: bigint
  readonly next: bigint
  readonly last?: LastRecord
}

/** The port to the transactional inbox and outbox: outcomes, intents and progress in one transaction. */
export interface AcceptStore {
  /** Throws SqlError, or ProjectionFailed when `project` threw; when the outcome is unknown (connection lost at COMMIT), the caller retries and compares the row. */
  accept(chunk: Chunk): Promise<AcceptResult>
  /** Runs `project` for one event and rolls everything back. Throws what it throws. */
  rehearse(project: Project, event: AnyEvent): Promise<void>
  readProgress(group: string, topic: string): Promise<readonly ProgressRow[]>
  /** Inserts missing rows; existing rows stay unchanged. */
  createProgress(group: string, topic: string, rows: readonly ProgressRow[]): Promise<void>
  /** Sets the topic id of rows that have none. */
  learnTopic(group: string, topic: string, topicId: string): Promise<void>
  /** Compare-and-set of many rows in one statement; returns the partitions whose row was moved. */
  advance(group: string, topic: string, moves: readonly ProgressMove[]): Promise<readonly number[]>
}
