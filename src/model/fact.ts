import type { DeadLetterReason } from './dead-letter-reason.ts'
import type { OutboxReason } from './outbox-reason.ts'
import type { PauseScope } from './pause.ts'

/**
 * What the program reports while it works. Ingest and delivery neither log nor count: telemetry and tests observe these facts. They
 * occur once per chunk or attempt at most, never per event, except for dead letters.
 */
export type Fact =
  | {
      readonly is: 'group-joined'
      readonly group: string
      readonly topic: string
      readonly partitions: readonly number[]
      readonly epoch: number
    }
  | { readonly is: 'assignment-ended'; readonly group: string; readonly epoch: number; readonly reason: string }
  | {
      readonly is: 'fetched'
      readonly group: string
      readonly partition: number
      readonly records: number
      readonly highWatermark: bigint
      readonly nextOffset: bigint
    }
  | {
      readonly is: 'accepted'
      readonly group: string
      readonly partition: number
      readonly next: bigint
      readonly counts: ReadonlyMap<string, TypeCounts>
      readonly intents: number
      readonly durationMs: number
    }
  | {
      readonly is: 'dead-lettered'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly offset: bigint
      readonly eventId: string | null
      readonly correlationId: string | null
      readonly type: string | null
      readonly reason: DeadLetterReason
      readonly detail: string
    }
  /** A replay that an operator requested has ended. */
  | {
      readonly is: 'dead-letter-replayed'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly offset: bigint
      readonly eventId: string | null
      readonly type: string | null
      /** `dead-letter`: it failed again. */
      readonly outcome: 'accepted' | 'no-effect' | 'duplicate' | 'repeated' | 'skipped' | 'dead-letter'
      readonly reason: DeadLetterReason | null
      readonly detail: string | null
    }
  | {
      readonly is: 'row-moved'
      readonly group: string
      readonly partition: number
      readonly expected: bigint
      readonly row: bigint | null
      readonly meaning: 'database-behind-kafka' | 'another-owner'
    }
  /** Events accepted again after the database had lost them; of the lost range up to `below`, the partition has reached `next`. */
  | {
      readonly is: 'recovered'
      readonly group: string
      readonly partition: number
      readonly events: number
      readonly next: bigint
      readonly below: bigint
    }
  /** The committed offset was moved by another program; the group continues at its progress row. */
  | {
      readonly is: 'offset-overruled'
      readonly group: string
      readonly partition: number
      readonly committed: bigint
      readonly row: bigint
    }
  | {
      readonly is: 'waiting'
      readonly group: string
      /** -1: the whole group. */
      readonly partition: number
      readonly cause: string
      readonly retryInMs: number
      readonly attempt: number
    }
  | { readonly is: 'resumed'; readonly group: string; readonly partition: number }
  /** Offsets are about to be committed; nothing has been sent yet. */
  | { readonly is: 'committing'; readonly group: string; readonly topic: string; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'committed'; readonly group: string; readonly topic: string; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'commit-failed'; readonly group: string; readonly cause: string }
  /** `detail`: the action needed; null when the pause ends by itself. */
  | { readonly is: 'paused'; readonly group: string; readonly reason: string; readonly detail: string | null }
  | { readonly is: 'unpaused'; readonly group: string; readonly reason: string }
  /** A pause of an operator that this process follows from now on, or that is over. `inGroup` null: in every group. */
  | {
      readonly is: 'operator-pause'
      readonly state: 'begun' | 'over'
      readonly scope: PauseScope
      readonly target: string
      readonly inGroup: string | null
      readonly owner: string
      readonly because: string
      readonly until: Date | null
    }
  | { readonly is: 'group-stopped'; readonly group: string; readonly reason: string }
  /** The operator has resolved what had stopped the group: it starts again. */
  | { readonly is: 'group-resumed'; readonly group: string }
  /** The check whether the log still matches the progress rows failed, or could not be made. */
  | { readonly is: 'log-unchecked'; readonly group: string; readonly cause: string }
  | {
      readonly is: 'consumer-crashed'
      readonly group: string
      readonly cause: string
      readonly rebuildInMs: number
      readonly crashes: number
    }
  | { readonly is: 'handler-escaped'; readonly group: string; readonly partition: number; readonly cause: string }
  | {
      readonly is: 'client-log'
      readonly group: string
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly message: string
      readonly detail: object
    }
  | { readonly is: 'claimed'; readonly group: string; readonly channel: string; readonly count: number }
  | {
      readonly is: 'started'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly intentId: string
      readonly attempt: number
    }
  /** The request to the relay or endpoint has ended, with or without an answer; its outcome is not written yet. External channels only. */
  | {
      readonly is: 'performed'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly intentId: string
      readonly attempt: number
      /** The outcome of the request, before the state of the intent is decided. */
      readonly outcome: 'done' | 'retry' | 'rejected' | 'dead' | 'ambiguous'
    }
  | {
      readonly is: 'settled'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly intentId: string
      readonly eventId: string | null
      readonly correlationId: string | null
      readonly attempt: number
      readonly outcome: string
      readonly reason: string | null
      /** Our own description of the fault; never text of another system. */
      readonly detail: string | null
      readonly durationMs: number
      /** Milliseconds in each stage of the attempt, in their order. */
      readonly stages: ReadonlyMap<string, number>
      /** Event timestamp to effect; null without an effect. */
      readonly endToEndMs: number | null
    }
  | { readonly is: 'claim-lost'; readonly group: string; readonly channel: string; readonly kind: string; readonly intentId: string }
  | {
      readonly is: 'recalculated'
      readonly campaignId: string
      /** Why the whole campaign was ranked: `first`, `points`, `many` or `unsure`; null when only windows around changed rows were. */
      readonly because: string | null
      readonly rowsChanged: number
      readonly durationMs: number
    }
  | { readonly is: 'recalculation-too-slow'; readonly campaignId: string; readonly deadlineMs: number; readonly nextTryMs: number }
  | { readonly is: 'swept'; readonly campaigns: number }
  | { readonly is: 'execution-failed'; readonly group: string; readonly channel: string; readonly intentId: string; readonly cause: string }
  | { readonly is: 'leases-expired'; readonly reclaimed: number; readonly ambiguous: number }
  /** Retention: rows older than `DEDUPE_DAYS` that were deleted, by table. `complete`: none are left. */
  | { readonly is: 'retention'; readonly deleted: ReadonlyMap<string, number>; readonly durationMs: number; readonly complete: boolean }
  | { readonly is: 'retention-failed'; readonly cause: string }
  /**
   * A replay that this process has: `claimed` at its cursor, `read` to the end of its range, `done`; `lost`, because it was paused or
   * cancelled or another process has it; `failed`, with the cause, to be tried again unless the job says otherwise.
   */
  | {
      readonly is: 'replay'
      readonly group: string
      readonly job: string
      readonly what: 'claimed' | 'read' | 'done' | 'lost' | 'failed'
      readonly detail: string | null
    }
  /** A statement has been in flight for unusually long; `blockedBy` are backend process ids, null when the server did not name them in time. */
  | {
      readonly is: 'slow-statement'
      readonly pool: string
      readonly statement: string
      readonly forMs: number
      readonly pid: number | null
      readonly blockedBy: readonly number[] | null
      /** How many other statements are slow at the same time. */
      readonly others: number
    }
  /** `down` and `up` once per change of state, not per failure. */
  | {
      readonly is: 'dependency'
      /** `database`, or the only destination of a channel. */
      readonly name: string
      readonly state: 'up' | 'down'
      readonly cause: string | null
    }
  /** Once per change. The destination is an id: for log lines, never for labels. */
  | {
      readonly is: 'breaker'
      readonly channel: string
      readonly destination: string
      readonly state: 'open' | 'half-open' | 'closed'
      readonly reason: string | null
      /** Until a probe is let through; null unless open. */
      readonly retryInMs: number | null
    }
  /** Intents that were accepted as skipped: their events alone decided. */
  | {
      readonly is: 'skipped-at-accept'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly reason: string
      readonly count: number
    }
  /** Deferred intents that became `dead`, because their destination was unavailable for longer than all retries take. */
  | {
      readonly is: 'abandoned'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly destination: string
      readonly count: number
    }
  /** Spans that will be in no trace: too many wait for the collector, or it did not take them; `cause` is our own text. */
  | {
      readonly is: 'spans-dropped'
      readonly reason: 'queue-full' | 'not-exported'
      readonly count: number
      readonly cause: string | null
    }
  | { readonly is: 'template-unknown-variable'; readonly template: string; readonly variable: string }
  /** The shards of the outbox that this process publishes from now on, and how many relays share them. */
  | { readonly is: 'outbox-shards'; readonly shards: readonly number[]; readonly relays: number }
  /** Events of a block are acknowledged by Kafka and about to be marked as published. */
  | { readonly is: 'outbox-sent'; readonly shard: number; readonly events: number }
  /** A block of the outbox is in Kafka and marked as published; `repeats` of its events were sent before without a known outcome. */
  | {
      readonly is: 'outbox-published'
      readonly shard: number
      readonly events: number
      readonly repeats: number
      readonly durationMs: number
    }
  /** An event of the outbox that is not published until an operator requeues it. */
  | {
      readonly is: 'outbox-failed'
      readonly position: string
      readonly eventId: string
      readonly topic: string
      readonly type: string
      readonly reason: OutboxReason
      readonly error: string
    }
  | { readonly is: 'outbox-waiting'; readonly shard: number; readonly cause: string; readonly retryInMs: number }
  | { readonly is: 'outbox-resumed'; readonly shard: number }

/** Outcomes of the events of one type in one chunk. */
export interface TypeCounts {
  ok: number
  noEffect: number
  duplicate: number
  skipped: number
  dead: number
}

export type Observe = (fact: Fact) => void
