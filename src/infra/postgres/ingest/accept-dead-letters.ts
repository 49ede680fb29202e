import type { Sql } from '../../../std/sql.ts'
import type { Chunk } from '../../../ingest/accept-store.ts'
import { letterError } from '../../../model/letter-fingerprint.ts'
import { sqlArray, sqlBytes } from '../../../std/sql-array.ts'

/**
 * Records what was given up, once per position however often it is published, and the outcome of each event that could be
 * read and has none. Returns how many positions are new.
 */
export async function insertDeadLetters(tx: Sql, chunk: Chunk): Promise<number> {
  if (chunk.passed.length === 0) return 0
  const place = [chunk.group, chunk.topic, chunk.partition]
  const inserted = await tx.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", event_id, type, reason, campaign_id, detail, error)
     SELECT $1, $2, $3, d.* FROM unnest($4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::text[], $10::text[]) AS d
     ON CONFLICT DO NOTHING RETURNING 1`,
    [
      ...place,
      sqlArray(chunk.passed, (record) => record.offset),
      sqlArray(chunk.passed, (record) => record.eventId),
      sqlArray(chunk.passed, (record) => record.type),
      sqlArray(chunk.passed, (record) => record.reason),
      sqlArray(chunk.passed, (record) => record.campaignId ?? null),
      sqlArray(chunk.passed, (record) => record.detail ?? null),
      sqlArray(chunk.passed, ({ reason, detail }) => (detail === undefined ? null : letterError(reason, detail))),
    ],
  )
  const known = chunk.passed.flatMap(({ offset, eventId, type, contentHash }) =>
    eventId === null || type === null || contentHash === null ? [] : [{ offset, eventId, type, contentHash }],
  )
  if (known.length > 0) {
    await tx.query(
      `INSERT INTO worker.outcomes (group_name, topic, partition, "offset", event_id, type, content_hash, outcome, recovered)
       SELECT $1, $2, $3, d.*, 'dead-letter', d.o < $8 FROM unnest($4::bigint[], $5::uuid[], $6::text[], $7::bytea[]) AS d (o, event_id, type, hash)
        ORDER BY d.event_id
       ON CONFLICT DO NOTHING`,
      [
        ...place,
        sqlArray(known, (record) => record.offset),
        sqlArray(known, (record) => record.eventId),
        sqlArray(known, (record) => record.type),
        sqlArray(known, (record) => sqlBytes(record.contentHash)),
        chunk.recoverBelow,
      ],
    )
  }
  return inserted.length
}
