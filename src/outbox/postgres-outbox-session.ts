import type { Database, Sql } from '../std/sql.ts'
import { sqlArray } from '../std/sql-array.ts'
import type { OutboxRow, OutboxSession } from './outbox-session.ts'

/** A frozen process loses its session, and with it its shards, after this time; a working one queries more often. */
const IDLE_SESSION_MS = 30_000

/** Joins the relays of the database: on a connection of its own, for as long as it is open. Throws SqlError. */
export async function openOutboxSession(database: Database): Promise<OutboxSession> {
  const closing = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<Sql>()
  const over = database.session(async ({ sql }) => {
    await applySettings(sql)
    await sql.query(join)
    opened.resolve(sql)
    await closing.promise
  })
  over.catch(opened.reject)
  const sql = oneAtATime(await opened.promise)
  return {
    async relays() {
      const [row] = await sql.query<{ relays: number }>(countRelays, [RELAYS])
      return Math.max(1, row?.relays ?? 1)
    },
    async take(shard) {
      const [row] = await sql.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${LOCKS}, $1::int) AS got`, [shard])
      return row?.got === true
    },
    async release(shard) {
      await sql.query(`SELECT pg_advisory_unlock(${LOCKS}, $1::int)`, [shard])
    },
    async due(shards) {
      return (await sql.query<{ shard: number }>(dueShards, [[...shards]])).map(({ shard }) => shard)
    },
    block: (shard, { rows, bytes, rowBytes }) => sql.query<OutboxRow>(readBlock, [shard, rows, bytes, rowBytes]),
    async settle(published, failed) {
      if (published.length + failed.length === 0) return
      await sql.query(settleBlock, [
        sqlArray(published, ({ position }) => position),
        sqlArray(failed, ({ row }) => row.position),
        sqlArray(failed, ({ reason }) => reason),
        sqlArray(failed, ({ error }) => error),
      ])
    },
    close: async () => {
      closing.resolve()
      // The connection is closed or lost, and its locks are gone either way.
      await over.catch(() => undefined)
    },
  }
}

/** The driver takes one statement at a time, and several shards share the connection. */
function oneAtATime(sql: Sql): Sql {
  let last: Promise<unknown> = Promise.resolve()
  return {
    query: (text, parameters) => {
      const next = last.then(() => sql.query<never>(text, parameters))
      // The next statement waits for this one, whatever becomes of it.
      last = next.catch(() => undefined)
      return next
    },
  }
}

/** The first key of our advisory locks; the second is the shard, or this one, which every relay holds together with the others. */
const LOCKS = `hashtext('kafka-worker:outbox')`
const RELAYS = 1_000

/**
 * The server notices within half a minute that the process of a session is frozen (PostgreSQL 14 and newer) or its host is gone, and releases
 * its locks. Blocks are read along the index: by the statistics of an empty outbox, sorting all that is unpublished would look cheaper, and
 * would cost a backlog of millions as much again for each block.
 */
export async function applySettings(sql: Sql): Promise<void> {
  await sql.query(settings, [`${IDLE_SESSION_MS}ms`])
  await sql.query(`SELECT set_config('enable_bitmapscan', 'off', false), set_config('enable_sort', 'off', false)`)
}

const settings = `
SELECT set_config(name, CASE name WHEN 'idle_session_timeout' THEN $1 WHEN 'tcp_keepalives_count' THEN '3' ELSE '10' END, false)
  FROM pg_catalog.pg_settings
 WHERE name IN ('idle_session_timeout', 'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count')`

const join = `SELECT pg_advisory_lock_shared(${LOCKS}, ${RELAYS})`

/** With a parameter, so that it is prepared: planning would cost more than counting. */
const countRelays = `
SELECT count(*)::int AS relays FROM pg_catalog.pg_locks
 WHERE locktype = 'advisory' AND granted AND classid = ${LOCKS}::oid AND objid = $1::int::oid AND objsubid = 2
   AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`

/** The predicate of the index `outbox_unpublished`. */
export const unpublished = 'published_at IS NULL AND failed_at IS NULL'

const dueShards = `
SELECT s.shard FROM unnest($1::int[]) AS s (shard)
 CROSS JOIN LATERAL (SELECT FROM worker.outbox AS o WHERE o.shard = s.shard AND ${unpublished} ORDER BY o.position LIMIT 1) AS first`

/** Always from the first unpublished row: a lower position may be committed after a higher one was published. */
export const readBlock = `
SELECT position, id, topic, key, type, headers, CASE WHEN bytes <= $4::int THEN payload END AS payload, bytes
  FROM (SELECT *, sum(CASE WHEN bytes <= $4::int THEN bytes ELSE 0 END) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS total
          FROM (SELECT position, id, topic, aggregateid AS key, type, headers, payload, octet_length(payload) AS bytes
                  FROM worker.outbox WHERE shard = $1::int AND ${unpublished} ORDER BY position LIMIT $2) AS first) AS measured
 WHERE total <= $3::int OR total = bytes ORDER BY position`

const settleBlock = `
WITH published AS (
  UPDATE worker.outbox SET published_at = now() WHERE position = ANY ($1::bigint[])
)
UPDATE worker.outbox AS o SET failed_at = now(), reason = f.reason, error = f.error
  FROM unnest($2::bigint[], $3::text[], $4::text[]) AS f (position, reason, error) WHERE o.position = f.position`
