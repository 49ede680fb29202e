import type { ReplayRange } from '../../ingest/replay-job.ts'
import type { ReplayCount, ReplayFilter } from '../../model/replay.ts'
import type { ReplayPlan } from './replay-plan.ts'

export type ReplayState = 'queued' | 'running' | 'paused' | 'done' | 'cancelled' | 'failed'

/** A replay to be ordered. */
export interface ReplayOrder {
  readonly group: string
  readonly topic: string
  readonly topicId: string | null
  readonly ranges: readonly ReplayRange[]
  readonly filter: ReplayFilter
  readonly allowOlder: boolean
  readonly eventRate: number
  readonly sendRate: number
  readonly cap: number
  readonly plan: ReplayPlan
  readonly confirmed: number
}

/** Who does something to a replay, and why. */
export interface ReplayAct {
  readonly owner: string
  readonly because: string
}

/** A replay as an operator sees it. */
export interface ReplayView extends ReplayOrder {
  readonly id: string
  readonly state: ReplayState
  /** Why it failed. */
  readonly detail: string | null
  /** Who ordered it, and why. */
  readonly owner: string
  readonly because: string
  /** Host and process that has it. */
  readonly process: string | null
  readonly counts: readonly ReplayCount[]
  /** Intents that were made due so far. */
  readonly released: number
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly readAt: Date | null
  readonly finishedAt: Date | null
}

/** Its intents, counted by label, state and reason. */
export interface ReplayEnd {
  readonly label: string
  readonly state: string
  readonly reason: string | null
  readonly count: number
}

export interface ReplayAuditLine {
  readonly at: Date
  readonly action: string
  readonly owner: string
  readonly because: string | null
}

/** An intent of a replay that waits, and for what; reason null: for a worker. */
export interface UnclaimedIntent {
  readonly id: string
  readonly reason: string | null
}

/** The port to the replays, for operators. Every change writes a line of the audit in its transaction. */
export interface ReplayAdmin {
  /** Orders replays, all or none; returns their ids. */
  create(orders: readonly ReplayOrder[], act: ReplayAct): Promise<readonly string[]>
  /** The newest first. */
  list(limit: number): Promise<readonly ReplayView[]>
  find(id: string): Promise<ReplayView | null>
  ends(id: string): Promise<readonly ReplayEnd[]>
  audit(id: string): Promise<readonly ReplayAuditLine[]>
  /** Moves the job from one of the states; returns the state that it was in, or null when it was in none of them. */
  move(id: string, from: readonly ReplayState[], to: ReplayState, action: string, act: ReplayAct): Promise<ReplayState | null>
  /** At most `limit` intents of the job that no worker has and that are not finished, after this one in the order of their reasons and ids. */
  unclaimed(id: string, after: UnclaimedIntent | null, limit: number): Promise<readonly UnclaimedIntent[]>
  /** Ends these intents as cancelled, as far as they are still pending; returns how many. */
  cancelIntents(ids: readonly string[]): Promise<number>
}
