import type { AcceptedEvent, Chunk } from '../../../ingest/accept-store.ts'
import type { LetterFailure, LetterStore, ReplayResult, RequestedLetter } from '../../../ingest/letter-store.ts'
import { letterError, letterFingerprint } from '../../../model/letter-fingerprint.ts'
import type { Project } from '../../../model/projection.ts'
import type { Session, Sql } from '../../../std/sql.ts'
import { headersOf, type KeptHeaders } from './letter-headers.ts'
import { writeChunk } from './postgres-accept-store.ts'

/** `worker.dead_letters` and the records that replays read, for daemons and for the preview of a replay. */
export function createLetterStore(session: Session): LetterStore {
  return {
    requested: async (group, topic, limit) => {
      const rows = await session.sql.query<RequestedRow>(
        `SELECT partition, "offset", d.replays, c.timestamp, c.key, c.value, c.headers, c.allow_older
           FROM worker.dead_letters AS d JOIN worker.dead_letter_copies AS c USING (group_name, topic, partition, "offset")
          WHERE d.group_name = $1 AND d.topic = $2 AND d.state = 'requested'
          ORDER BY d.requested_at, partition, "offset" LIMIT $3`,
        [group, topic, limit],
      )
      return rows.map((row) => letterOf(group, topic, row))
    },
    replay: (letter, event, project) =>
      attempt(session, async (tx) => {
        if (!(await claim(tx, letter))) return { is: 'lost' }
        const result = await write(tx, letter, event, project)
        if (result.is === 'resolved') await resolve(tx, letter, result.outcome)
        return result
      }),
    rehearse: async (letter, event, project) => {
      const result = await attempt(session, async (tx) => {
        throw new RolledBack(await write(tx, letter, event, project))
      })
      if (result.is === 'lost') throw new Error('a rehearsal claims nothing')
      return result
    },
    fail: (letter, failure) =>
      session.transaction(async (tx) => {
        const row = await claim(tx, letter)
        if (row === null) return false
        await reopen(tx, letter, failure, row)
        return true
      }),
  }
}

interface RequestedRow {
  readonly partition: number
  readonly offset: string
  readonly replays: number
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: KeptHeaders
  readonly allow_older: boolean
}

function letterOf(group: string, topic: string, row: RequestedRow): RequestedLetter {
  const offset = BigInt(row.offset)
  const record = { offset, timestamp: Number(row.timestamp), key: row.key, value: row.value, headers: headersOf(row.headers) }
  return { group, topic, partition: row.partition, offset, record, allowOlder: row.allow_older, replays: row.replays }
}

/** Thrown to roll back a transaction; never leaves this file. */
class RolledBack extends Error {
  readonly result: ReplayResult

  constructor(result: ReplayResult) {
    super('rolled back')
    this.result = result
  }
}

async function attempt(session: Session, work: (tx: Sql) => Promise<ReplayResult>): Promise<ReplayResult> {
  try {
    return await session.transaction(async (tx) => {
      const result = await work(tx)
      if (result.is === 'conflict') throw new RolledBack(result)
      return result
    })
  } catch (error) {
    if (error instanceof RolledBack) return error.result
    throw error
  }
}

interface ClaimedRow {
  readonly reason: string
  readonly type: string | null
  readonly error: string | null
}

/**
 * Locks the letter until the end of the transaction, unless another process has it or it is no longer as it was read. The lock is the lease: it
 * ends with its process.
 */
async function claim(tx: Sql, { group, topic, partition, offset, replays }: RequestedLetter): Promise<ClaimedRow | null> {
  const [row] = await tx.query<ClaimedRow>(
    `SELECT reason, type, error FROM worker.dead_letters
      WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 AND state = 'requested' AND replays = $5
        FOR UPDATE SKIP LOCKED`,
    [group, topic, partition, offset, replays],
  )
  return row ?? null
}

async function write(
  tx: Sql,
  { group, topic, partition, offset }: RequestedLetter,
  event: AcceptedEvent | null,
  project: Project | undefined,
): Promise<Exclude<ReplayResult, { is: 'lost' }>> {
  if (event === null) return { is: 'resolved', outcome: 'skipped' }
  const chunk: Chunk = {
    group,
    topic,
    partition,
    expected: offset,
    next: offset + 1n,
    recoverBelow: 0n,
    events: [event],
    passed: [],
    reservation: null,
    project,
    isReplay: true,
  }
  const result = await writeChunk(tx, chunk)
  if (result.is === 'conflict') return { is: 'conflict' }
  const outcome = result.outcomes.get(offset)
  if (outcome === undefined || outcome === 'dead-letter') throw new Error('an accepted event has no outcome')
  return { is: 'resolved', outcome }
}

async function resolve(tx: Sql, letter: RequestedLetter, outcome: string): Promise<void> {
  await tx.query(
    `UPDATE worker.dead_letters SET state = 'resolved', replays = replays + 1, requested_at = NULL
      WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4`,
    placeOf(letter),
  )
  await end(tx, letter, 'resolved', outcome)
}

async function reopen(
  tx: Sql,
  letter: RequestedLetter,
  { reason, detail, eventId, type }: LetterFailure,
  before: ClaimedRow,
): Promise<void> {
  const error = letterError(reason, detail)
  const [now] = await tx.query<ClaimedRow>(
    `UPDATE worker.dead_letters
        SET state = 'open', replays = replays + 1, requested_at = NULL, reason = $5, detail = $6, error = $7,
            event_id = coalesce($8, event_id), type = coalesce($9, type)
      WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 RETURNING reason, type, error`,
    [...placeOf(letter), reason, detail, error, eventId, type],
  )
  await end(tx, letter, 'failed', `${reason}: ${detail}`)
  // It may have failed in another way: what is known of those that it failed with before applies to it.
  await tx.query(
    `INSERT INTO worker.dead_letter_groups (group_name, fingerprint, owner, note)
     SELECT group_name, $3, owner, note FROM worker.dead_letter_groups WHERE group_name = $1 AND fingerprint = $2
     ON CONFLICT DO NOTHING`,
    [letter.group, letterFingerprint(before), letterFingerprint(now ?? before)],
  )
}

/** A copy that an operator edited stays with its letter; the record as it was published is on its topic. */
async function end(tx: Sql, letter: RequestedLetter, action: 'resolved' | 'failed', because: string): Promise<void> {
  await tx.query(
    `DELETE FROM worker.dead_letter_copies WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 AND NOT edited`,
    placeOf(letter),
  )
  await tx.query(
    `INSERT INTO worker.dead_letter_actions (group_name, topic, partition, "offset", action, because) VALUES ($1, $2, $3, $4, $5, $6)`,
    [...placeOf(letter), action, because],
  )
}

function placeOf({ group, topic, partition, offset }: RequestedLetter): readonly unknown[] {
  return [group, topic, partition, offset]
}
