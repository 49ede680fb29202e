import type { Sql, Database } from '../../../std/sql.ts'
import type { AcceptResult, AcceptStore, Chunk, ProgressRow } from '../../../ingest/accept-store.ts'
import { insertIntents } from './accept-intents.ts'
import { insertDeadLetters } from './accept-dead-letters.ts'
import { insertOutcomes, markDuplicates } from './accept-outcomes.ts'
import type { AnyEvent } from '../../../events/event.ts'
import { ProjectionFailed, type Project } from '../../../model/projection.ts'
import { sqlArray } from '../../../std/sql-array.ts'

/**
 * Outcomes, intents and progress in `worker`, one transaction per chunk, a fixed number of statements however many events.
 * It touches no table of the platform, so that no lock on those delays it.
 */
export function createAcceptStore(database: Database): AcceptStore {
  return {
    accept: async (chunk) => {
      try {
        return await database.transaction((tx) => accept(tx, chunk))
      } catch (error) {
        if (error instanceof Undone) return error.result
        throw error
      }
    },
    rehearse: async (work, event) => {
      try {
        await database.transaction(async (tx) => {
          await project(tx, work, [event])
          throw new RolledBack()
        })
      } catch (error) {
        if (!(error instanceof RolledBack)) throw error
      }
    },
    readProgress: (group, topic) => readProgress(database.sql, group, topic),
    createProgress: async (group, topic, rows) => {
      await database.sql.query(
        `INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below, topic_id)
         SELECT $1, $2, r.* FROM unnest($3::int[], $4::bigint[], $5::bigint[], $6::text[]) AS r ON CONFLICT DO NOTHING`,
        [
          group,
          topic,
          sqlArray(rows, (row) => row.partition),
          sqlArray(rows, (row) => row.next),
          sqlArray(rows, (row) => row.exemptBelow),
          sqlArray(rows, (row) => row.topicId ?? null),
        ],
      )
    },
    learnTopic: async (group, topic, topicId) => {
      await database.sql.query(`UPDATE worker.progress SET topic_id = $3 WHERE group_name = $1 AND topic = $2 AND topic_id IS NULL`, [
        group,
        topic,
        topicId,
      ])
    },
    advance: async (group, topic, moves) => {
      // Locked in order first: two processes that both consider some partitions theirs must not deadlock.
      const rows = await database.sql.query<{ partition: number }>(
        `WITH moves AS (SELECT * FROM unnest($3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[])
                           AS m (partition, expected, next, last_offset, last_epoch)),
              held AS MATERIALIZED (
                SELECT p.partition FROM worker.progress AS p JOIN moves USING (partition)
                 WHERE p.group_name = $1 AND p.topic = $2 ORDER BY p.partition FOR UPDATE OF p)
         UPDATE worker.progress AS p SET next_offset = moves.next, updated_at = now(),
                last_offset = coalesce(moves.last_offset, p.last_offset), last_epoch = coalesce(moves.last_epoch, p.last_epoch)
           FROM held JOIN moves USING (partition)
          WHERE p.group_name = $1 AND p.topic = $2 AND p.partition = held.partition AND p.next_offset = moves.expected
         RETURNING p.partition`,
        [
          group,
          topic,
          sqlArray(moves, (move) => move.partition),
          sqlArray(moves, (move) => move.expected),
          sqlArray(moves, (move) => move.next),
          sqlArray(moves, (move) => move.last?.offset ?? null),
          sqlArray(moves, (move) => move.last?.leaderEpoch ?? null),
        ],
      )
      return rows.map((row) => row.partition)
    },
  }
}

/** Thrown to roll back a rehearsal; never leaves this file. */
class RolledBack extends Error {}

/** Thrown to roll back what was written so far; never leaves this file. */
class Undone extends Error {
  readonly result: AcceptResult

  constructor(result: AcceptResult) {
    super('rolled back')
    this.result = result
  }
}

async function accept(tx: Sql, chunk: Chunk): Promise<AcceptResult> {
  // First, because the row's lock is what keeps a second owner of the partition out until this transaction has ended.
  if (!(await moveProgress(tx, chunk))) return { is: 'moved', row: await rowOf(tx, chunk) }
  const result = await writeChunk(tx, chunk)
  if (result.is === 'conflict') throw new Undone(result)
  return result
}

/** All of an accept but its progress row. After a conflict the transaction has to be rolled back. */
export async function writeChunk(tx: Sql, chunk: Chunk): Promise<Exclude<AcceptResult, { is: 'moved' }>> {
  const { fresh, conflicts, outcomes } = await insertOutcomes(tx, chunk)
  if (conflicts.length > 0) return { is: 'conflict', offsets: conflicts }

  const { intents, duplicates, claimed, stale } = await insertIntents(tx, chunk, fresh)
  await markDuplicates(tx, chunk.group, duplicates)
  for (const event of duplicates) outcomes.set(event.offset, 'duplicate')

  const deadLetters = await insertDeadLetters(tx, chunk)
  // Last, because other partitions may wait for the rows that it locks.
  const events = fresh.flatMap(({ event }) => event ?? [])
  if (chunk.project !== undefined && events.length > 0) await project(tx, chunk.project, events)
  return { is: 'accepted', outcomes, deadLetters, intents, claimed, ...(stale.length > 0 && { stale }) }
}

/** A statement that failed ends the transaction, so its error counts even where the projection catches it or does not wait for it. */
export async function project(tx: Sql, work: Project, events: readonly AnyEvent[]): Promise<void> {
  const failed: unknown[] = []
  const ended: Promise<unknown>[] = []
  const watched: Sql = {
    query: <Row extends object>(text: string, parameters?: readonly unknown[]) => {
      const statement = tx.query<Row>(text, parameters)
      ended.push(statement.catch((error: unknown) => failed.push(error)))
      return statement
    },
  }
  // Deferred constraints are checked here, so that what they refuse is known as the projection's.
  const written = Promise.resolve()
    .then(() => work(events, watched))
    .then(() => watched.query('SET CONSTRAINTS ALL IMMEDIATE'))
  const thrown = await written.then(
    () => [],
    (error: unknown) => [error],
  )
  await Promise.all(ended)
  const [error] = [...failed, ...thrown]
  if (failed.length + thrown.length > 0) throw new ProjectionFailed(error)
}

async function moveProgress(tx: Sql, chunk: Chunk): Promise<boolean> {
  const moved = await tx.query(
    `UPDATE worker.progress SET next_offset = $5, updated_at = now(),
            last_offset = coalesce($6, last_offset), last_epoch = coalesce($7, last_epoch)
      WHERE group_name = $1 AND topic = $2 AND partition = $3 AND next_offset = $4
     RETURNING partition`,
    [chunk.group, chunk.topic, chunk.partition, chunk.expected, chunk.next, chunk.last?.offset ?? null, chunk.last?.leaderEpoch ?? null],
  )
  return moved.length === 1
}

async function rowOf(tx: Sql, chunk: Chunk): Promise<bigint | null> {
  const [row] = await tx.query<{ next_offset: string }>(
    `SELECT next_offset FROM worker.progress WHERE group_name = $1 AND topic = $2 AND partition = $3`,
    [chunk.group, chunk.topic, chunk.partition],
  )
  return row === undefined ? null : BigInt(row.next_offset)
}

async function readProgress(sql: Sql, group: string, topic: string): Promise<readonly ProgressRow[]> {
  const rows = await sql.query<{
    partition: number
    next_offset: string
    exempt_below: string
    topic_id: string | null
    last_offset: string | null
    last_epoch: number | null
  }>(
    `SELECT partition, next_offset, exempt_below, topic_id, last_offset, last_epoch FROM worker.progress WHERE group_name = $1 AND topic = $2 ORDER BY partition`,
    [group, topic],
  )
  return rows.map((row) => ({
    partition: row.partition,
    next: BigInt(row.next_offset),
    exemptBelow: BigInt(row.exempt_below),
    ...(row.topic_id === null ? {} : { topicId: row.topic_id }),
    ...(row.last_offset === null || row.last_epoch === null
      ? {}
      : { last: { offset: BigInt(row.last_offset), leaderEpoch: row.last_epoch } }),
  }))
}
