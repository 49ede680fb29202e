import type { LetterPlace } from '../../ingest/letter-store.ts'
import type { LogRecord } from '../../ingest/record-source.ts'
import type { DeadLetterReason } from '../../model/dead-letter-reason.ts'

/**
 * `open`: it waits for a decision. `requested`: a daemon of its group is about to replay it. `resolved`: a replay has accepted it. `discarded`: an
 * operator has decided that nothing is to be done.
 */
export const letterStates = ['open', 'requested', 'resolved', 'discarded'] as const
export type LetterState = (typeof letterStates)[number]

/** Dead letters of one group and reason. */
export interface DeadLetterCount {
  readonly group: string
  readonly reason: DeadLetterReason
  readonly count: number
  readonly first: Date
  readonly last: Date
}

/** Dead letters of one group that failed alike. */
export interface LetterGroup extends DeadLetterCount {
  readonly fingerprint: string
  readonly type: string | null
  readonly error: string | null
  /** Of them, how many failed again after a replay. */
  readonly replayed: number
  readonly owner: string | null
  readonly note: string | null
}

/** One record that was given up. */
export interface DeadLetterRecord {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly reason: DeadLetterReason
  readonly type: string | null
  readonly eventId: string | null
  readonly at: Date
  readonly fingerprint: string
  readonly error: string | null
  /** Null in rows of older versions: it is in the header `dlq-reason` of the record. */
  readonly detail: string | null
  readonly state: LetterState
  readonly replays: number
  /** A replay reads an operator's copy of it. */
  readonly edited: boolean
}

/** What was done to a letter, by whom and why; or what a replay ended as, with its outcome or reason. */
export interface LetterAction {
  readonly action: 'replay' | 'edit' | 'discard' | 'resolved' | 'failed'
  readonly owner: string | null
  readonly because: string | null
  readonly at: Date
}

/** Null and an empty list of letters restrict nothing. */
export interface DeadLetterFilter {
  readonly letters: readonly Pick<LetterPlace, 'group' | 'partition' | 'offset'>[]
  readonly group: string | null
  readonly reason: string | null
  readonly type: string | null
  readonly eventId: string | null
  readonly fingerprint: string | null
  /** Given up at this time or later, and before that. */
  readonly since: Date | null
  readonly until: Date | null
  readonly states: readonly LetterState[]
}

export interface Decision {
  readonly owner: string
  readonly because: string | null
}

/** The record that a replay is to read. */
export interface LetterCopy {
  readonly place: LetterPlace
  readonly record: LogRecord
}

/** The port to the record of dead letters; the letters themselves are on their topics. Throws SqlError. */
export interface DeadLetterAdmin {
  counts(filter: DeadLetterFilter): Promise<readonly DeadLetterCount[]>
  /** The latest first. */
  groups(filter: DeadLetterFilter): Promise<readonly LetterGroup[]>
  /** The newest first. */
  records(filter: DeadLetterFilter, limit: number): Promise<readonly DeadLetterRecord[]>
  /** The types that dead letters have. */
  types(): Promise<readonly string[]>
  /** The oldest first. */
  actions(letter: LetterPlace): Promise<readonly LetterAction[]>
  /** The operator's copy of a letter, or the record whose replay is requested; null when there is neither. */
  copy(letter: LetterPlace): Promise<LogRecord | null>
  /** Keeps what is known of all letters with a fingerprint; null leaves a field as it is. */
  note(groups: readonly string[], fingerprint: string, note: { readonly owner: string | null; readonly text: string | null }): Promise<void>
  /**
   * Requests the replay of those that are still open or discarded, in one transaction; returns how many that are. An edited copy is read in place
   * of the record that is given here.
   */
  request(letters: readonly LetterCopy[], how: Decision & { readonly allowOlder: boolean }): Promise<number>
  /** Discards those that are still open or requested, in one transaction; returns how many that are. */
  discard(letters: readonly LetterPlace[], decision: Decision): Promise<number>
  /** Keeps a copy for later replays of a letter that is open or discarded; false if it is neither. */
  edit(copy: LetterCopy, decision: Decision): Promise<boolean>
}
