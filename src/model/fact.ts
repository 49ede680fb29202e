import type { DeadLetterReason } from './dead-letter-reason.ts'

/**
 * What the path reports while it works. The path itself neither logs nor counts: telemetry and tests listen. Facts are per
 * chunk or rarer, never per event, but for dead letters.
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
      readonly type: string | null
      readonly reason: DeadLetterReason
      readonly detail: string
    }
  | {
      readonly is: 'row-moved'
      readonly group: string
      readonly partition: number
      readonly expected: bigint
      readonly row: bigint | null
      readonly meaning: 'database-behind-kafka' | 'another-owner'
    }
  /** Events that the database had forgotten and that were accepted again; their partition has `next` of `below` behind it. */
  | {
      readonly is: 'recovered'
      readonly group: string
      readonly partition: number
      readonly events: number
      readonly next: bigint
      readonly below: bigint
    }
  /** Kafka's offset was moved by something else than this program; the row is where the group goes on. */
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
      /** -1: the group as a whole. */
      readonly partition: number
      readonly cause: string
      readonly retryInMs: number
      readonly attempt: number
    }
  | { readonly is: 'resumed'; readonly group: string; readonly partition: number }
  /** Kafka is about to be told; nothing was sent yet. */
  | { readonly is: 'committing'; readonly group: string; readonly topic: string; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'committed'; readonly group: string; readonly topic: string; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly is: 'commit-failed'; readonly group: string; readonly cause: string }
  /** `detail`: what somebody must do about it; null for what passes by itself. */
  | { readonly is: 'paused'; readonly group: string; readonly reason: string; readonly detail: string | null }
  | { readonly is: 'unpaused'; readonly group: string; readonly reason: string }
  | { readonly is: 'group-stopped'; readonly group: string; readonly reason: string }
  /** What had stopped the group is decided: it begins anew. */
  | { readonly is: 'group-resumed'; readonly group: string }
  /** Whether the log is still the one that the rows speak of could not be asked this time, or it is not. */
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
  /** The other side has answered, or will not any more; nothing of that is written yet. Only for what leaves the process. */
  | {
      readonly is: 'performed'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly intentId: string
      readonly attempt: number
      /** How it went, before anybody has decided what follows from it. */
      readonly outcome: 'done' | 'retry' | 'rejected' | 'dead' | 'ambiguous'
    }
  | {
      readonly is: 'settled'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly intentId: string
      readonly eventId: string | null
      readonly attempt: number
      readonly outcome: string
      readonly reason: string | null
      /** Our own words about the fault; never a foreign text. */
      readonly detail: string | null
      readonly durationMs: number
      /** Milliseconds in each stage of the attempt, in their order. */
      readonly stages: ReadonlyMap<string, number>
      /** Event timestamp to effect, for effects that were made. */
      readonly endToEndMs: number | null
    }
  | { readonly is: 'claim-lost'; readonly group: string; readonly channel: string; readonly kind: string; readonly intentId: string }
  | {
      readonly is: 'recalculated'
      readonly campaignId: string
      /** Why everybody was ranked: `first`, `points`, `many` or `unsure`; null: only windows around those who changed. */
      readonly because: string | null
      readonly rowsChanged: number
      readonly durationMs: number
    }
  | { readonly is: 'recalculation-too-slow'; readonly campaignId: string; readonly deadlineMs: number; readonly nextTryMs: number }
  | { readonly is: 'swept'; readonly campaigns: number }
  | { readonly is: 'execution-failed'; readonly group: string; readonly channel: string; readonly intentId: string; readonly cause: string }
  | { readonly is: 'leases-expired'; readonly reclaimed: number; readonly ambiguous: number }
  /** What was older than `DEDUPE_DAYS`, by table. `complete`: nothing of it is left. */
  | { readonly is: 'upkeep'; readonly deleted: ReadonlyMap<string, number>; readonly durationMs: number; readonly complete: boolean }
  | { readonly is: 'upkeep-failed'; readonly cause: string }
  /** A statement has been waited for unusually long; `blockedBy` are sessions of the server, null when it did not say in time. */
  | {
      readonly is: 'slow-statement'
      readonly pool: string
      readonly statement: string
      readonly forMs: number
      readonly pid: number | null
      readonly blockedBy: readonly number[] | null
      /** How many statements more are slow at the same time. */
      readonly others: number
    }
  /** `down` and `up` once per change of state, not per failure. */
  | {
      readonly is: 'dependency'
      readonly name: 'database' | 'relay'
      readonly state: 'up' | 'down'
      readonly cause: string | null
    }
  /** Once per change. The destination is an id, and fit for a log line only. */
  | {
      readonly is: 'breaker'
      readonly channel: string
      readonly destination: string
      readonly state: 'open' | 'half-open' | 'closed'
      readonly reason: string | null
      /** Until one delivery is let through to look; null unless open. */
      readonly retryInMs: number | null
    }
  /** Parked intents that ended `dead`, because their destination was away for longer than all retries take. */
  | {
      readonly is: 'abandoned'
      readonly group: string
      readonly channel: string
      readonly kind: string
      readonly destination: string
      readonly count: number
    }
  | { readonly is: 'template-unknown-variable'; readonly template: string; readonly variable: string }

/** How the events of one type in one chunk ended. */
export interface TypeCounts {
  ok: number
  noEffect: number
  duplicate: number
  skipped: number
  dead: number
}

export type Observe = (fact: Fact) => void
