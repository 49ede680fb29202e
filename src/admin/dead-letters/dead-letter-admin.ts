import type { DeadLetterReason } from '../../model/dead-letter-reason.ts'

/** Dead letters of one group and reason. */
export interface DeadLetterCount {
  readonly group: string
  readonly reason: DeadLetterReason
  readonly count: number
  readonly first: Date
  readonly last: Date
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
}

export interface DeadLetterFilter {
  /** Null: of all. */
  readonly group: string | null
  readonly reason: string | null
}

/** The port to the record of dead letters; the letters themselves are on their topics. */
export interface DeadLetterAdmin {
  counts(filter: DeadLetterFilter): Promise<readonly DeadLetterCount[]>
  /** The newest first. */
  records(filter: DeadLetterFilter, limit: number): Promise<readonly DeadLetterRecord[]>
}
