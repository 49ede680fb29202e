import type { ProgressRow } from '../../ingest/accept-store.ts'

/** One progress row to write. */
export interface ProgressChange {
  readonly partition: number
  /** What the row holds, or null when there is none; otherwise nothing at all is written. */
  readonly expected: bigint | null
  /** Null removes the row. */
  readonly next: bigint | null
  readonly exemptBelow: bigint
}

/** The port to the progress rows, for an operator who moves them while their group does not run. */
export interface ProgressAdmin {
  readProgress(group: string, topic: string): Promise<readonly ProgressRow[]>
  /**
   * Writes all changes in one transaction, or none: resolves to false when a row did not hold what was expected. The rows belong to the log
   * of `topicId` from then on, and know no last record.
   *
   * @throws {SqlError} without a state when the connection was lost, and with it the knowledge whether the rows are written.
   */
  writeProgress(group: string, topic: string, changes: readonly ProgressChange[], topicId?: string | null): Promise<boolean>
}
