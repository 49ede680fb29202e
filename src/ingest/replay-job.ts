import type { ReplayFilter } from '../model/replay.ts'

/** The reader of a group's replays: the id of no group, but what the ids of its throwaway groups begin with. */
export function replayReader(group: string): string {
  return `${group}.reader`
}

/** A range of one partition, `from` included, `to` excluded; `next` is where reading continues. */
export interface ReplayRange {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
  readonly next: bigint
}

/** Offsets of a range that its log does not have any more; `from` included, `to` excluded. */
export interface ReplayLoss {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/** A replay that this process has claimed. */
export interface ReplayJob {
  readonly id: string
  readonly group: string
  readonly topic: string
  /** Null where the brokers have no topic ids. */
  readonly topicId: string | null
  readonly filter: ReplayFilter
  /** Records older than the dedupe window are replayed, too. */
  readonly allowOlder: boolean
  /** Events a second that are read. */
  readonly eventRate: number
  /** Intents a second that are released at the end of the ramp. */
  readonly sendRate: number
  /** Mails for one person and day. */
  readonly cap: number
  readonly ranges: readonly ReplayRange[]
  /** The fence of everything that is written about the job. */
  readonly claim: ReplayClaim
}

export interface ReplayClaim {
  readonly id: string
  readonly owner: string
  readonly claims: number
}

/** What a turn of a job did. `lost`: it was paused or cancelled, or another process has it. */
export type ReplayTurn =
  | { readonly is: 'lost' }
  /** `released`: how many intents are due now; `left`: whether others wait, or the range is not read to its end, which `isRead` says. */
  | { readonly is: 'turned'; readonly released: number; readonly left: boolean; readonly isRead: boolean }

/** The port to the replays that operators ordered. Times are the database's. Throws SqlError. */
export interface ReplayJobs {
  /**
   * The oldest unfinished job of one of the groups, unless it is paused or another process has it. One process at most has a job of a group: who had
   * another one of it, under a lease that is over, has lost it.
   */
  claim(groups: readonly string[], owner: string, leaseMs: number): Promise<ReplayJob | null>
  /** Renews the lease and makes the next intents due, as many as the ramp allows. A job that is read and has none left is done. */
  turn(job: ReplayJob, leaseMs: number): Promise<ReplayTurn>
  /** The ranges with the cursors of now; null when the job is not ours any more. */
  ranges(claim: ReplayClaim): Promise<readonly ReplayRange[] | null>
  /**
   * Takes offsets that cannot be read out of the ranges and counts them. However many losses there are, the detail of the job has one sentence for
   * each partition, with the total; the audit has one about the first loss and, once the job is read or has failed, one with the total.
   * Ranges that have moved meanwhile are left alone.
   */
  lost(claim: ReplayClaim, losses: readonly ReplayLoss[]): Promise<void>
  /** All ranges are read to their ends. */
  wasRead(claim: ReplayClaim): Promise<void>
  /** Ends the job with the sentence why it cannot be done. */
  fail(claim: ReplayClaim, sentence: string): Promise<void>
  /** Gives the job back, to be claimed again at its cursor. */
  release(claim: ReplayClaim): Promise<void>
}
