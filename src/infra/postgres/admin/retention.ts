import type { Clock } from '../../../std/clock.ts'
import type { Sql, Database } from '../../../std/sql.ts'
import { retentionSteps, type RetentionStep, type RetentionTable } from './retention-steps.ts'
import { DAY_MS } from '../../../std/day.ts'

export interface RetentionOptions {
  /** `DEDUPE_DAYS`. */
  readonly dedupeDays: number
  /** `LEADERBOARD_HISTORY_DAYS`; no more than `dedupeDays` count. */
  readonly historyDays: number
  readonly clock: Clock
  /** Rows in one transaction at most. */
  readonly batchRows?: number
  /** A run ends after this, complete or not, and the next one continues; milliseconds. */
  readonly budgetMs: number
}

export interface RetentionReport {
  readonly deleted: ReadonlyMap<RetentionTable, number>
  readonly durationMs: number
  /** Nothing that is old is left, as far as it was not locked. */
  readonly complete: boolean
}

/**
 * Rows are deleted this long after accept began to refuse their events as `older-than-dedupe-window`.
 *
 * Accept compares the record's timestamp, by its publisher's clock, with the daemon's; an outcome carries the database's. A
 * record is accepted after it was published, so `outcome.at` lies before its record's timestamp only by what the two clocks
 * differ, or by what the publisher sets ahead, of which the broker takes an hour (`message.timestamp.after.max.ms`). While
 * together they stay below this margin, the outcome of every record that accept does not refuse still stands. An intent ends
 * after its event was accepted, so its key outlives the outcome.
 */
const MARGIN_MS = DAY_MS

/** How long events of the outbox are kept after they were published: to see what became of one. */
const OUTBOX_DAYS = 3

/** The shortest pause between two batches; milliseconds. */
const LEAST_PAUSE_MS = 20

/**
 * Deletes what is older than `DEDUPE_DAYS` and a day, finished replays with their audit among it, movements in leaderboards older than `LEADERBOARD_HISTORY_DAYS`, and events of the
 * outbox three days after they were published. Works in small transactions with pauses as long as the work, so that it takes at most half of one connection, however much there is to delete.
 *
 * One process at a time: each transaction takes an advisory lock and releases it at its end, so that a process that froze or died
 * holds none. A process without the lock ends its run; resolves to null when nothing was deleted until then. Throws SqlError.
 */
export async function applyRetention(database: Database, options: RetentionOptions, signal: AbortSignal): Promise<RetentionReport | null> {
  const { clock, batchRows = 2_000 } = options
  const startedAt = clock.monotonic()
  const dedupeMs = options.dedupeDays * DAY_MS + MARGIN_MS
  const before = {
    dedupe: await cutoff(database.sql, clock, dedupeMs),
    history: await cutoff(database.sql, clock, Math.min(dedupeMs, options.historyDays * DAY_MS)),
    outbox: await cutoff(database.sql, clock, OUTBOX_DAYS * DAY_MS),
  }
  const deleted = new Map<RetentionTable, number>()
  const report = (complete: boolean): RetentionReport => ({ deleted, durationMs: clock.monotonic() - startedAt, complete })

  for (const step of retentionSteps) {
    let cursor = step.begin
    while (cursor !== null) {
      const batchAt = clock.monotonic()
      const done = await batch(database, step, { before: before[step.age], cursor, limit: batchRows })
      if (done === null) return deleted.size === 0 ? null : report(false)
      if (done.deleted > 0) deleted.set(step.table, (deleted.get(step.table) ?? 0) + done.deleted)
      cursor = done.cursor
      if (signal.aborted || clock.monotonic() - startedAt >= options.budgetMs) return report(false)
      if (cursor !== null) await clock.sleep(Math.max(LEAST_PAUSE_MS, clock.monotonic() - batchAt), signal)
    }
  }
  return report(true)
}

/** By the earlier of the two clocks: one that is months ahead must not empty the tables. */
async function cutoff(sql: Sql, clock: Clock, ageMs: number): Promise<Date> {
  const [row] = await sql.query<{ before: Date }>(
    `SELECT least($1::timestamptz, now()) - $2::float8 * interval '1 millisecond' AS before`,
    [new Date(clock.now()), ageMs],
  )
  if (row === undefined) throw new Error('The statement that reads the clock returned no row.')
  return row.before
}

function batch(database: Database, step: RetentionStep, at: Parameters<RetentionStep['batch']>[1]) {
  return database.transaction(async (tx) => {
    const [lock] = await tx.query<{ got: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('kafka-worker:retention', 0)) AS got`,
    )
    return lock?.got === true ? step.batch(tx, at) : null
  })
}
