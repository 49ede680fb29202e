import type { DeadLetterReason } from '../model/dead-letter-reason.ts'
import type { Intent, IntentDraft } from '../model/intent.ts'
import type { Reservation } from '../model/reservation.ts'

/** An event that is to be accepted, with what its group decided. */
export interface AcceptedEvent {
  readonly offset: bigint
  readonly eventId: string
  readonly type: string
  readonly at: Date
  /** SHA-256 over the type and the identity of what happened: the same id with another hash is a conflict. */
  readonly contentHash: Uint8Array
  readonly drafts: readonly IntentDraft[]
}

/** A record that was published to the dead-letter topic and is now passed. */
export interface PassedRecord {
  readonly offset: bigint
  readonly eventId: string | null
  readonly type: string | null
  /** Of an envelope without sound data; no event of it is on record. */
  readonly campaignId?: string | null
  readonly contentHash: Uint8Array | null
  readonly reason: DeadLetterReason
}

/** One step of a partition: everything in it is written, or nothing. */
export interface Chunk {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** What the progress row must hold, or the chunk is not ours to write. */
  readonly expected: bigint
  readonly next: bigint
  /** The last record below `next`; missing when there was none, or its leader epoch is not known. */
  readonly last?: LastRecord
  /** Outcomes of offsets below are marked `recovered`: they were accepted before, and the database has lost it. */
  readonly recoverBelow: bigint
  readonly events: readonly AcceptedEvent[]
  readonly passed: readonly PassedRecord[]
  /** Intents that may be claimed by this very insert, so that this process's free workers take them from memory. */
  readonly reservation: Reservation | null
}

/** `repeated`: on record before with the same content, so that nothing changed; the others are the outcome now on record. */
export type EventEnding = 'accepted' | 'no-effect' | 'duplicate' | 'dead-letter' | 'repeated'

export type AcceptResult =
  | {
      readonly is: 'accepted'
      /** How each of `events` ended, by its offset. */
      readonly endings: ReadonlyMap<bigint, EventEnding>
      /** Positions of `passed` that were counted for the first time. */
      readonly deadLetters: number
      readonly intents: number
      /** Inserted already claimed for this process. */
      readonly claimed: readonly Intent[]
    }
  /** The row did not hold `expected`; nothing was written. */
  | { readonly is: 'moved'; readonly row: bigint | null }
  /** The events at these offsets have an id that is on record for another content; nothing was written. */
  | { readonly is: 'conflict'; readonly offsets: readonly bigint[] }

/** What tells whether a record that was read is still in the log: a log that was cut below it ends its leader epoch there. */
export interface LastRecord {
  readonly offset: bigint
  readonly leaderEpoch: number
}

export interface ProgressRow {
  readonly partition: number
  readonly next: bigint
  /** Records below this were on the topic when the group first started: exempt from the dedupe window. */
  readonly exemptBelow: bigint
  /** Of the topic that the group reads; missing until it is learnt, as after an older version. */
  readonly topicId?: string
  /** The last record that was read whose leader epoch was known. */
  readonly last?: LastRecord
}

/** One partition that moves by compare-and-set. */
export interface ProgressMove {
  readonly partition: number
  readonly expected: bigint
  readonly next: bigint
  readonly last?: LastRecord
}

/** The port to what this system remembers: outcomes, intents and progress, in one transaction. */
export interface AcceptStore {
  /** Throws SqlError; after an error whose fate is unknown (connection lost at COMMIT) the caller reads the row. */
  accept(chunk: Chunk): Promise<AcceptResult>
  readProgress(group: string, topic: string): Promise<readonly ProgressRow[]>
  /** Inserts rows that do not exist yet; existing ones are left alone. */
  createProgress(group: string, topic: string, rows: readonly ProgressRow[]): Promise<void>
  /** Writes the topic's id into the rows that have none. */
  learnTopic(group: string, topic: string, topicId: string): Promise<void>
  /** Compare-and-set of many rows at once (coalesced skips); returns the partitions whose row moved. */
  advance(group: string, topic: string, moves: readonly ProgressMove[]): Promise<readonly number[]>
}
