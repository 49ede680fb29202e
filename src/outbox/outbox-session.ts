import type { OutboxReason } from '../model/outbox-reason.ts'

/** Publishers of one database: a key belongs to one shard, and a shard to one process at a time. The column `shard` says the same. */
export const OUTBOX_SHARDS = 8

/** A row of the outbox that is to be published. */
export interface OutboxRow {
  readonly position: string
  /** The event id. */
  readonly id: string
  readonly topic: string
  readonly key: string
  readonly type: string
  readonly headers: Readonly<Record<string, unknown>>
  /** Null when it is larger than the limit of the block: it was not read. */
  readonly payload: string | null
  /** Of the payload. */
  readonly bytes: number
}

export interface FailedRow {
  readonly row: OutboxRow
  readonly reason: OutboxReason
  /** One sentence that names the thing and the way out. */
  readonly error: string
}

export interface BlockLimits {
  readonly rows: number
  /** Payloads of a block together, unless it is a single row. */
  readonly bytes: number
  /** A larger payload is not read. */
  readonly rowBytes: number
}

/**
 * The work on the outbox over one connection of its own, whose session holds the locks of the shards. Once the connection is lost, every
 * method rejects: no further block can be read by a process that another may have replaced. Throws SqlError.
 */
export interface OutboxSession {
  /** Sessions of all processes, this one included. */
  relays(): Promise<number>
  /** Whether this session holds the shard from now on. */
  take(shard: number): Promise<boolean>
  release(shard: number): Promise<void>
  /** Of `shards`, those with rows to publish. */
  due(shards: readonly number[]): Promise<readonly number[]>
  /** The first unpublished rows of a shard, in the order of their positions. */
  block(shard: number, limits: BlockLimits): Promise<readonly OutboxRow[]>
  /** Marks rows as published, or as failed with the reason, in one transaction. */
  settle(published: readonly OutboxRow[], failed: readonly FailedRow[]): Promise<void>
  /** Ends the session and its locks. Idempotent; never rejects. */
  close(): Promise<void>
}
