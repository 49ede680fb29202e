import type { DeadLetterReason } from '../model/dead-letter-reason.ts'
import type { Project } from '../model/projection.ts'
import type { AcceptedEvent, EventOutcome } from './accept-store.ts'
import type { LogRecord } from './record-source.ts'

/** Where the record of a dead letter was, in the topic of its group. */
export interface LetterPlace {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** A dead letter whose replay is requested, with the record to read: as it was published, or an operator's copy. */
export interface RequestedLetter extends LetterPlace {
  readonly record: LogRecord
  /** It may be older than the dedupe window. */
  readonly allowOlder: boolean
  /** How often it was replayed before. */
  readonly replays: number
}

/** How a replay of an event ends: as its accept would, or `skipped` for a type that the group does not handle. */
export type ReplayOutcome = Exclude<EventOutcome, 'dead-letter'> | 'skipped'

export type ReplayResult =
  | { readonly is: 'resolved'; readonly outcome: ReplayOutcome }
  /** Its id is on record for another fact; nothing was written. */
  | { readonly is: 'conflict' }
  /** Another process replays it, or an operator has withdrawn it; nothing was written. */
  | { readonly is: 'lost' }

/** Why a letter is one once more. */
export interface LetterFailure {
  readonly reason: DeadLetterReason
  readonly detail: string
  readonly eventId: string | null
  readonly type: string | null
}

/** The port to dead letters whose replay is requested. Throws SqlError, and ProjectionFailed when `project` threw. */
export interface LetterStore {
  /** The next letters of a group to replay, oldest request first, in the order of their partitions. */
  requested(group: string, topic: string, limit: number): Promise<readonly RequestedLetter[]>
  /**
   * In one transaction: the outcome of the event and its intents, or the rows of a projection, and the letter as resolved. Nothing if the letter
   * is no longer requested.
   *
   * @param event null: the group does not handle the type
   */
  replay(letter: RequestedLetter, event: AcceptedEvent | null, project?: Project): Promise<ReplayResult>
  /** The same, rolled back, for a letter whose replay need not be requested. */
  rehearse(letter: RequestedLetter, event: AcceptedEvent | null, project?: Project): Promise<Exclude<ReplayResult, { is: 'lost' }>>
  /** Opens a letter again, with the reason of now; false if it is no longer requested. The owner and the note of its fingerprint go along. */
  fail(letter: RequestedLetter, failure: LetterFailure): Promise<boolean>
}
