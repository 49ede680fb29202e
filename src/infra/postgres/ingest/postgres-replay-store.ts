import type { AcceptedEvent, AcceptResult, Chunk } from '../../../ingest/accept-store.ts'
import type { ReplayJob } from '../../../ingest/replay-job.ts'
import type { ReplayStore } from '../../../ingest/replay-reading.ts'
import { sumCounts, type Rehearsed, type ReplayCount } from '../../../model/replay.ts'
import type { Database, Sql } from '../../../std/sql.ts'
import { writeReplayed, type ReplayWritten } from './replay-writes.ts'

/**
 * Accepts for a job that this process has claimed: cursor, outcomes, intents and counts in one transaction. The progress rows of the group
 * are not touched. When the claim is lost, or the job was paused or cancelled, the answer is `moved` with the row null, and nothing is written.
 */
export function createReplayStore(database: Database, job: Pick<ReplayJob, 'claim' | 'cap'>, mailChannels: readonly string[]): ReplayStore {
  const { id } = job.claim
  return {
    async accept(chunk) {
      try {
        return await database.transaction(async (tx): Promise<AcceptResult> => {
          // First: its lock keeps a pause, a cancellation and another owner out until this transaction has ended.
          const counts = await lockJob(tx, job)
          if (counts === null) return { is: 'moved', row: null }
          if (!(await moveCursor(tx, id, chunk))) return { is: 'moved', row: await cursorOf(tx, id, chunk.partition) }
          const written = await writeReplayed(tx, chunk, { job: id, cap: job.cap, mailChannels })
          if (written.conflicts.length > 0) throw new Undone(resultOf(written))
          if (written.counts.length > 0) {
            await tx.query('UPDATE worker.replay_jobs SET counts = $2::jsonb WHERE id = $1', [
              id,
              JSON.stringify(sumCounts(counts, written.counts)),
            ])
          }
          return resultOf(written)
        })
      } catch (error) {
        if (error instanceof Undone) return error.result
        throw error
      }
    },
    advance: (_group, _topic, moves) =>
      database.transaction(async (tx) => {
        if ((await lockJob(tx, job)) === null) return []
        const moved: number[] = []
        for (const { partition, expected, next } of moves)
          if (await moveCursor(tx, id, { partition, expected, next })) moved.push(partition)
        return moved
      }),
    async readProgress() {
      const rows = await database.sql.query<{ partition: number; next_offset: string }>(
        `SELECT r.partition, r.next_offset FROM worker.replay_ranges AS r JOIN worker.replay_jobs AS j ON j.id = r.job_id
          WHERE j.id = $1 AND ${isOurs} ORDER BY r.partition`,
        claimOf(job),
      )
      return rows.map(({ partition, next_offset }) => ({ partition, next: BigInt(next_offset), exemptBelow: 0n }))
    },
  }
}

/** The claim of a job that is running, as parameters $1 to $3 say. */
const isOurs = `j.owner = $2 AND j.claims = $3 AND j.state = 'running'`

function claimOf({ claim }: Pick<ReplayJob, 'claim'>): readonly unknown[] {
  return [claim.id, claim.owner, claim.claims]
}

/** Returns what the job has counted so far; null when it is not ours. */
async function lockJob(tx: Sql, job: Pick<ReplayJob, 'claim'>): Promise<readonly ReplayCount[] | null> {
  const [row] = await tx.query<{ counts: readonly ReplayCount[] }>(
    `SELECT j.counts FROM worker.replay_jobs AS j WHERE j.id = $1 AND ${isOurs} FOR UPDATE`,
    claimOf(job),
  )
  return row?.counts ?? null
}

async function moveCursor(tx: Sql, job: string, { partition, expected, next }: Pick<Chunk, 'partition' | 'expected' | 'next'>) {
  const moved = await tx.query(
    `UPDATE worker.replay_ranges SET next_offset = $4 WHERE job_id = $1 AND partition = $2 AND next_offset = $3 RETURNING partition`,
    [job, partition, expected, next],
  )
  return moved.length === 1
}

async function cursorOf(tx: Sql, job: string, partition: number): Promise<bigint | null> {
  const [row] = await tx.query<{ next_offset: string }>(
    'SELECT next_offset FROM worker.replay_ranges WHERE job_id = $1 AND partition = $2',
    [job, partition],
  )
  return row === undefined ? null : BigInt(row.next_offset)
}

/** No job: ids of jobs begin at 1. */
const NO_JOB = '0'
/** The longest that a dry run waits for a lock; what it has locked itself is free again within the time of one chunk. Milliseconds. */
const LOCK_MS = 250

/**
 * Accepts and rolls back, so that only `onRehearsed` learns what would happen. Later chunks know what earlier ones
 * would have written: the ids and keys of what is new, and mails by person.
 */
export function createRehearsalStore(
  database: Database,
  of: {
    readonly cap: number
    readonly mailChannels: readonly string[]
    /** False: as a group does that reads the events a second time, what exists is left alone. */
    readonly revives?: boolean
    readonly onRehearsed: (chunk: Rehearsed) => Promise<void>
  },
): ReplayStore {
  const ids = new Map<string, Uint8Array>()
  const keys = new Set<string>()
  const mails = new Map<string, number>()

  const isConflict = ({ eventId, contentHash }: AcceptedEvent) => {
    const known = ids.get(eventId.toLowerCase())
    return known !== undefined && Buffer.compare(known, contentHash) !== 0
  }

  async function rehearse(chunk: Chunk): Promise<ReplayWritten> {
    try {
      await database.transaction(async (tx) => {
        await tx.query(`SET LOCAL lock_timeout = ${LOCK_MS}`)
        throw new RolledBack(await writeReplayed(tx, chunk, { ...of, job: NO_JOB, earlier: { ids, keys, mails } }))
      })
    } catch (error) {
      if (error instanceof RolledBack) return error.written
      throw error
    }
    throw new Error('a dry run was not rolled back')
  }

  return {
    async accept(chunk) {
      const conflicts = chunk.events.filter(isConflict).map(({ offset }) => offset)
      if (conflicts.length > 0) return { is: 'conflict', offsets: conflicts }
      const written = await rehearse(chunk)
      if (written.conflicts.length > 0) return { is: 'conflict', offsets: written.conflicts }
      // First: a chunk whose intents cannot be prepared now is rehearsed again.
      await of.onRehearsed({ counts: written.counts, intents: written.intents })
      for (const { eventId, contentHash } of written.fresh) ids.set(eventId.toLowerCase(), contentHash)
      for (const key of written.keys) keys.add(key)
      for (const person of written.mailed) mails.set(person, (mails.get(person) ?? 0) + 1)
      return resultOf(written)
    },
    advance: (_group, _topic, moves) => Promise.resolve(moves.map(({ partition }) => partition)),
    readProgress: () => Promise.resolve([]),
  }
}

function resultOf({ conflicts, outcomes, intents }: ReplayWritten): AcceptResult {
  if (conflicts.length > 0) return { is: 'conflict', offsets: conflicts }
  return { is: 'accepted', outcomes, deadLetters: 0, intents: intents.length, claimed: [] }
}

/** Thrown to roll back; neither leaves this file. */
class Undone extends Error {
  readonly result: AcceptResult

  constructor(result: AcceptResult) {
    super('rolled back')
    this.result = result
  }
}

class RolledBack extends Error {
  readonly written: ReplayWritten

  constructor(written: ReplayWritten) {
    super('rolled back')
    this.written = written
  }
}
