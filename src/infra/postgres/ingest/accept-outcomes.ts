import { SqlError, type Sql } from '../../../std/sql.ts'
import type { AcceptedEvent, Chunk, EventOutcome } from '../../../ingest/accept-store.ts'
import { sqlArray, sqlBytes } from '../../../std/sql-array.ts'

export interface Recorded {
  /** Events whose outcome this chunk wrote, in log order: the only ones that may have effects. */
  readonly fresh: readonly AcceptedEvent[]
  /** Offsets of events whose id is on record, or stands earlier in this chunk, for another content. */
  readonly conflicts: readonly bigint[]
  /** The outcome of each event as far as it is known before its intents are written, by offset. */
  readonly outcomes: Map<bigint, EventOutcome>
}

/**
 * Writes an outcome for every id that has none. The record of an earlier transaction stays as it is, with one exception: the
 * outcome of a dead letter gives way to the same event, repaired or not, when an operator replays it, and in a projecting group when it is
 * published again.
 */
export async function insertOutcomes(tx: Sql, chunk: Chunk): Promise<Recorded> {
  const isReplay = chunk.isReplay === true
  const givenUp = chunk.project === undefined || isReplay ? nowhere : await givenUpBefore(tx, chunk)
  const first = new Map<string, AcceptedEvent>()
  for (const event of chunk.events) {
    const id = event.eventId.toLowerCase()
    if (!first.has(id) && !givenUp.has(event.offset)) first.set(id, event)
  }
  const inserted = new Set(await insert(tx, chunk, [...first.values()]))
  if ((chunk.project !== undefined || isReplay) && inserted.size < first.size) {
    const rest = [...first].flatMap(([id, event]) => (inserted.has(id) ? [] : [event]))
    for (const id of await replaceDeadLetters(tx, chunk, rest)) inserted.add(id)
  }
  const hashes =
    inserted.size === first.size
      ? none
      : await hashesOnRecord(
          tx,
          chunk,
          [...first.keys()].filter((id) => !inserted.has(id)),
        )

  const fresh: AcceptedEvent[] = []
  const conflicts: bigint[] = []
  const outcomes = new Map<bigint, EventOutcome>()
  for (const event of chunk.events) {
    const id = event.eventId.toLowerCase()
    if (givenUp.has(event.offset)) {
      outcomes.set(event.offset, 'repeated')
    } else if (first.get(id) === event && inserted.has(id)) {
      fresh.push(event)
      outcomes.set(event.offset, outcomeOf(chunk, event))
    } else if (Buffer.compare(hashes.get(id) ?? first.get(id)?.contentHash ?? nothing, event.contentHash) === 0) {
      outcomes.set(event.offset, 'repeated')
    } else {
      conflicts.push(event.offset)
    }
  }
  return { fresh, conflicts, outcomes }
}

/** A projection takes every event that it is given. */
function outcomeOf(chunk: Chunk, event: AcceptedEvent): 'accepted' | 'no-effect' {
  return chunk.project === undefined && event.drafts.length === 0 ? 'no-effect' : 'accepted'
}

const none: ReadonlyMap<string, Buffer> = new Map()
const nothing = Buffer.alloc(0)
const nowhere: ReadonlySet<bigint> = new Set()

/**
 * Offsets of the chunk whose event was given up there by an earlier transaction. Such a record is only read again (a replay), while
 * the same id at another offset is another publication.
 */
async function givenUpBefore(tx: Sql, chunk: Chunk): Promise<ReadonlySet<bigint>> {
  if (chunk.events.length === 0) return nowhere
  const rows = await tx.query<{ offset: string }>(
    `SELECT d."offset" FROM worker.dead_letters AS d
       JOIN unnest($4::bigint[], $5::uuid[]) AS e ("offset", event_id) USING ("offset", event_id)
      WHERE d.group_name = $1 AND d.topic = $2 AND d.partition = $3`,
    [
      chunk.group,
      chunk.topic,
      chunk.partition,
      sqlArray(chunk.events, (event) => event.offset),
      sqlArray(chunk.events, (event) => event.eventId),
    ],
  )
  return new Set(rows.map(({ offset }) => BigInt(offset)))
}

/** Events published again, or replayed, after the group gave them up: each replaces the outcome of its dead letter. Returns their ids. */
async function replaceDeadLetters(tx: Sql, chunk: Chunk, events: readonly AcceptedEvent[]): Promise<readonly string[]> {
  // Locked in order first, as in `insert`; of two publications in two partitions the second finds the outcome of the first.
  const rows = await tx.query<{ event_id: string }>(
    `WITH again AS (SELECT * FROM unnest($4::uuid[], $5::text[], $6::bytea[], $7::bigint[], $9::text[], $10::text[])
                       AS e (event_id, type, content_hash, "offset", outcome, effects)),
          held AS MATERIALIZED (
            SELECT o.event_id FROM worker.outcomes AS o JOIN again USING (event_id)
             WHERE o.group_name = $1 AND o.outcome = 'dead-letter'
               -- A replay takes over the outcome of its own letter, or of the same fact.
               AND (NOT $11::boolean OR o.content_hash = again.content_hash
                    OR (o.topic, o.partition, o."offset") = ($2, $3, again."offset"))
             ORDER BY o.event_id FOR UPDATE OF o)
     UPDATE worker.outcomes AS o
        SET topic = $2, partition = $3, "offset" = again."offset", type = again.type, content_hash = again.content_hash,
            outcome = again.outcome, effects = again.effects::text[], recovered = again."offset" < $8, at = now()
       FROM held JOIN again USING (event_id)
      WHERE o.group_name = $1 AND o.event_id = held.event_id
     RETURNING o.event_id`,
    [
      ...identityOf(chunk, events),
      chunk.recoverBelow,
      sqlArray(events, (event) => outcomeOf(chunk, event)),
      sqlArray(events, (event) => sqlArray(event.drafts, (draft) => draft.key)),
      chunk.isReplay === true,
    ],
  )
  return rows.map((row) => row.event_id)
}

/** The first seven parameters of the statements above and below. */
function identityOf({ group, topic, partition }: Chunk, events: readonly AcceptedEvent[]): readonly (string | number)[] {
  return [
    group,
    topic,
    partition,
    sqlArray(events, (event) => event.eventId),
    sqlArray(events, (event) => event.type),
    sqlArray(events, (event) => sqlBytes(event.contentHash)),
    sqlArray(events, (event) => event.offset),
  ]
}

async function insert(tx: Sql, chunk: Chunk, events: readonly AcceptedEvent[]): Promise<ReadonlySet<string>> {
  if (events.length === 0) return new Set()
  // In the order of the key, so that two transactions that name the same ids wait for each other instead of deadlocking.
  const [written] = await tx.query<{ some: readonly string[] | null }>(
    `WITH inserted AS (
     INSERT INTO worker.outcomes (group_name, topic, partition, event_id, type, content_hash, "offset", outcome, effects, recovered)
     SELECT $1, $2, $3, e.event_id, e.type, e.content_hash, e."offset", e.outcome, e.effects::text[], e."offset" < $11
       FROM unnest($4::uuid[], $5::text[], $6::bytea[], $7::bigint[], $8::text[], $9::text[])
              AS e (event_id, type, content_hash, "offset", outcome, effects)
      ORDER BY e.event_id
     ON CONFLICT DO NOTHING
     RETURNING event_id)
     SELECT CASE WHEN n < $10 THEN (SELECT coalesce(json_agg(event_id), '[]') FROM inserted) END AS "some"
       FROM (SELECT count(*) AS n FROM inserted) AS counted`,
    [
      ...identityOf(chunk, events),
      sqlArray(events, (event) => outcomeOf(chunk, event)),
      sqlArray(events, (event) => sqlArray(event.drafts, (draft) => draft.key)),
      events.length,
      chunk.recoverBelow,
    ],
  )
  // Null: all, as in nearly every chunk; a row for each would cost more.
  return new Set(written?.some ?? events.map((event) => event.eventId.toLowerCase()))
}

async function hashesOnRecord(tx: Sql, chunk: Chunk, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const rows = await tx.query<{ event_id: string; content_hash: Buffer }>(
    `SELECT event_id, content_hash FROM worker.outcomes WHERE group_name = $1 AND event_id = ANY ($2::uuid[])`,
    [chunk.group, sqlArray(ids, (id) => id)],
  )
  if (rows.length !== ids.length) {
    // It was there before and is gone now: retention ran in between. As after any serialization failure, the next try is right.
    throw new SqlError('Outcomes were deleted while they were compared.', { state: '40001' })
  }
  return new Map(rows.map((row) => [row.event_id, row.content_hash]))
}

/** Events whose every effect existed already. Rare: the outcome was written before this could be known. */
export async function markDuplicates(tx: Sql, group: string, events: readonly AcceptedEvent[]): Promise<void> {
  if (events.length === 0) return
  await tx.query(`UPDATE worker.outcomes SET outcome = 'duplicate' WHERE group_name = $1 AND event_id = ANY ($2::uuid[])`, [
    group,
    sqlArray(events, (event) => event.eventId),
  ])
}
