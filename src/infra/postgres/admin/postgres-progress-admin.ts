import type { ProgressAdmin, ProgressChange } from '../../../admin/offsets/progress-admin.ts'
import type { Sql, Database } from '../../../std/sql.ts'
import { createAcceptStore } from '../ingest/postgres-accept-store.ts'
import { sqlArray } from '../../../std/sql-array.ts'

/** The progress rows for operators, moved by compare-and-set like an accept, but many at once and in both directions. */
export function createProgressAdmin(database: Database): ProgressAdmin {
  const store = createAcceptStore(database)
  return {
    readProgress: (group, topic) => store.readProgress(group, topic),
    writeProgress: async (group, topic, changes, topicId = null) => {
      try {
        await database.transaction((tx) => write(tx, { group, topic, topicId }, changes))
        return true
      } catch (error) {
        if (error instanceof RowMoved) return false
        throw error
      }
    },
  }
}

/** Thrown to roll back; never leaves this file. */
class RowMoved extends Error {}

interface Log {
  readonly group: string
  readonly topic: string
  readonly topicId: string | null
}

async function write(tx: Sql, log: Log, changes: readonly ProgressChange[]): Promise<void> {
  // Locked in order first, as by accepts of several partitions, so that they do not deadlock.
  await tx.query(
    `SELECT FROM worker.progress WHERE group_name = $1 AND topic = $2 AND partition = ANY ($3::int[]) ORDER BY partition FOR UPDATE`,
    [log.group, log.topic, sqlArray(changes, ({ partition }) => partition)],
  )
  const inserted = changes.filter(({ expected, next }) => expected === null && next !== null)
  const updated = changes.filter(({ expected, next }) => expected !== null && next !== null)
  const removed = changes.filter(({ next }) => next === null)
  await all(tx, inserted, insertStatement, log)
  await all(tx, updated, updateStatement, log)
  await all(tx, removed, deleteStatement, log)
}

async function all(tx: Sql, changes: readonly ProgressChange[], statement: string, { group, topic, topicId }: Log): Promise<void> {
  if (changes.length === 0) return
  const done = await tx.query(statement, [
    group,
    topic,
    sqlArray(changes, ({ partition }) => partition),
    sqlArray(changes, ({ expected }) => expected),
    sqlArray(changes, ({ next }) => next),
    sqlArray(changes, ({ exemptBelow }) => exemptBelow),
    sqlArray(changes, () => topicId),
  ])
  if (done.length !== changes.length) throw new RowMoved()
}

const changesTable =
  'unnest($3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]) AS c (partition, expected, next, exempt_below, topic_id)'

const insertStatement = `
INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below, topic_id)
SELECT $1, $2, c.partition, c.next, c.exempt_below, c.topic_id FROM ${changesTable}
ON CONFLICT DO NOTHING RETURNING partition`

const updateStatement = `
UPDATE worker.progress AS p SET next_offset = c.next, exempt_below = c.exempt_below, topic_id = c.topic_id, last_offset = NULL, last_epoch = NULL,
       updated_at = now() FROM ${changesTable}
 WHERE p.group_name = $1 AND p.topic = $2 AND p.partition = c.partition AND p.next_offset = c.expected
RETURNING p.partition`

const deleteStatement = `
DELETE FROM worker.progress AS p USING ${changesTable}
 WHERE p.group_name = $1 AND p.topic = $2 AND p.partition = c.partition AND p.next_offset = c.expected
RETURNING p.partition`
